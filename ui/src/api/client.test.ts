import { afterEach, expect, it, vi } from "vitest";
import { ApiError, onSignedOut, problemOf, request } from "./client";

afterEach(() => vi.unstubAllGlobals());

it("keeps the words of a problem+json", () => {
  const error = problemOf(415, JSON.stringify({ title: "Unsupported", detail: "No sound.", code: "unsupported_media", request_id: "r1" }));
  expect(error).toMatchObject({ status: 415, code: "unsupported_media", detail: "No sound.", requestId: "r1" });
});

it("keeps the status of a reply that is no problem+json", () => {
  expect(problemOf(502, "<html>Bad gateway</html>")).toMatchObject({ status: 502, code: "http_502", detail: "" });
  expect(problemOf(500, "null")).toMatchObject({ status: 500, detail: "" });
  expect(problemOf(422, JSON.stringify({ detail: [{ msg: "x" }] })).detail).toBe("");
});

it("raises for a failed reply and returns the value of a good one", async () => {
  vi.stubGlobal("fetch", async (path: string) => new Response(path === "/ok" ? '{"a":1}' : '{"detail":"gone"}', { status: path === "/ok" ? 200 : 404 }));
  expect(await request("GET", "/ok")).toEqual({ a: 1 });
  await expect(request("GET", "/no")).rejects.toMatchObject({ status: 404, detail: "gone" });
});

it("tells a service that cannot be reached from one that refuses", async () => {
  vi.stubGlobal("fetch", async () => {
    throw new TypeError("Failed to fetch");
  });
  const error = await request("GET", "/x").catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ApiError);
  expect((error as ApiError).unreachable).toBe(true);
});

it("tells what may succeed later from what is hopeless", () => {
  const retryable = (status: number) => problemOf(status, "").retryable;
  expect([0, 429, 500, 503, 507].map(retryable)).toEqual([true, true, true, true, true]);
  expect([400, 403, 404, 409, 413, 415, 422].some(retryable)).toBe(false);
});

it("takes a reply without a body", async () => {
  vi.stubGlobal("fetch", async () => new Response(null, { status: 204 }));
  expect(await request("DELETE", "/x")).toBeUndefined();
});

it("tells once who has to know that nobody is signed in, and not when a password was wrong", async () => {
  const told = vi.fn();
  onSignedOut(told);
  const refuse = (code: string) => vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ code }), { status: 401 }));
  refuse("wrong_credentials");
  await expect(request("POST", "/api/session")).rejects.toMatchObject({ signedOut: false, retryable: false });
  expect(told).not.toHaveBeenCalled();
  refuse("unauthenticated");
  await expect(request("GET", "/api/media")).rejects.toMatchObject({ signedOut: true, retryable: true });
  expect(told).toHaveBeenCalledOnce();
});

it("knows when to try again, where the service says so in seconds", async () => {
  expect(problemOf(429, "", "90").retryAfter).toBe(90);
  expect([problemOf(429, "").retryAfter, problemOf(429, "", "Wed, 21 Oct 2026 07:28:00 GMT").retryAfter]).toEqual([null, null]);
  vi.stubGlobal("fetch", async () => new Response("{}", { status: 429, headers: { "Retry-After": "7" } }));
  await expect(request("GET", "/x")).rejects.toMatchObject({ retryAfter: 7 });
});
