import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { getMedia } from "../api/endpoints";
import type { Session } from "../api/types";
import { library } from "./library.svelte";
import { session } from "./session.svelte";

const location = { reload: vi.fn(), assign: vi.fn() };
let reply: Partial<Session> | null;
let asked: string[];

const stranger: Partial<Session> = { kind: null, user: null, permissions: [], media: [] };
const person = (id: string, ...permissions: Session["permissions"]): Partial<Session> => ({
  kind: "session",
  user: { id, name: id, role: "member", disabled: false, has_password: true, created_at: "", quotas: { storage_bytes: null, audio_minutes: null, tokens: null } },
  permissions,
  media: [],
});

beforeEach(() => {
  asked = [];
  vi.clearAllMocks();
  session.value = null;
  session.lost = null;
  vi.stubGlobal("window", { location });
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    asked.push(`${init.method} ${path}`);
    if (reply === null) throw new TypeError("Failed to fetch");
    if (path !== "/api/session") return new Response(JSON.stringify({ code: "unauthenticated" }), { status: 401 });
    return new Response(JSON.stringify({ mode: "users", ready: true, ...reply }));
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("lets everybody in where there are no accounts, after one question", async () => {
  reply = { ...stranger, mode: "none", kind: "local", permissions: ["read", "ask", "write", "operate"] };
  await session.start();
  await session.check();
  expect([session.in, session.accounts, session.may("operate")]).toEqual([true, false, true]);
  expect(asked).toEqual(["GET /api/session"]);
});

it("asks again until the service can be reached", async () => {
  vi.useFakeTimers();
  reply = null;
  const started = session.start();
  await vi.advanceTimersByTimeAsync(3000);
  expect(session.value).toBe(null);
  reply = person("anna", "read");
  await vi.advanceTimersByTimeAsync(3000);
  await started;
  expect(session.value).toMatchObject({ user: { name: "anna" } });
});

it("finds out from any refused request that the session has ended, once", async () => {
  reply = person("anna", "read", "write");
  await session.start();
  reply = stranger;
  asked = [];
  await Promise.allSettled([getMedia("m1"), getMedia("m2")]);
  await vi.waitFor(() => expect(session.in).toBe(false));
  expect(session.lost).toBe("session");
  expect(asked.filter((one) => one === "GET /api/session")).toHaveLength(1);
  reply = person("ben", "read");
  await session.signIn({ name: "ben", password: "…" });
  expect(location.reload).toHaveBeenCalledOnce(); // nothing of Anna's stays in the page
});

it("begins anew when somebody else has signed in elsewhere, and goes on when only rights have changed", async () => {
  reply = person("anna", "read", "write");
  await session.start();
  reply = person("anna", "read");
  await session.check();
  expect([session.may("write"), location.reload.mock.calls.length]).toEqual([false, 0]);
  reply = person("ben", "read");
  await session.check();
  expect(location.reload).toHaveBeenCalledOnce();
  expect(session.value).toMatchObject({ user: { name: "anna" } }); // until the page is anew
});

it("tells whose link has run out from whose session has ended", async () => {
  reply = { ...stranger, kind: "link", permissions: ["read"], media: ["m1"] };
  await session.start();
  expect([session.in, session.guest]).toEqual([true, true]);
  reply = stranger;
  await session.check();
  expect(session.lost).toBe("link");
});

it("lists one's own recordings and those of others apart, and lets only owners change them", async () => {
  const media = (id: string, mine: boolean) => ({ id, name: id, kind: "audio", mime: null, size: 1, duration: 1, status: "ready", created_at: id, mine, job: null }) as const;
  session.value = { mode: "users", ready: true, user: null, media: [], kind: "session", permissions: ["read", "write"] };
  const lists: Record<string, unknown[]> = { "/api/media?limit=30": [media("m2", true)], "/api/media?shared=true&limit=30": [media("m1", false)] };
  vi.stubGlobal("fetch", async (path: string) => new Response(JSON.stringify({ items: lists[path], next: null })));
  const listed = () => library.listed.map((one) => one.id);
  library.start();
  await vi.waitFor(() => expect([library.loaded, ...listed()]).toEqual([true, "m2"]));
  library.choose(true);
  await vi.waitFor(() => expect([library.loaded, ...listed()]).toEqual([true, "m1"]));
  library.choose(false);
  expect([library.loaded, ...listed()]).toEqual([false, "m2"]); // known from before, and asked for again
  await vi.waitFor(() => expect(library.loaded).toBe(true));
  expect(library.items.map((one) => session.mayChange(one))).toEqual([true, false]);
});
