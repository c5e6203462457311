import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { User } from "../api/types";
import { Audit } from "./audit.svelte";
import { notices } from "./notices.svelte";
import { Sharing } from "./sharing.svelte";
import { Users } from "./users.svelte";

type Reply = { status?: number; body?: unknown };
let replies: Record<string, Reply>;
let asked: string[];

const NONE = { storage_bytes: null, audio_minutes: null, tokens: null };
const user = (id: string, more: Partial<User> = {}): User => ({ id, name: id, role: "member", disabled: false, has_password: true, created_at: "", quotas: NONE, ...more });
const key = (id: string, user_id: string) => ({ id, user_id, name: id, prefix: "vck_", scopes: ["read"], created_at: "", expires_at: null, used_at: null });
const list = (items: unknown[], next: string | null = null): Reply => ({ body: { items, next } });

beforeEach(() => {
  asked = [];
  replies = {
    "GET /api/users": list([user("anna"), user("cleo")], "cleo"),
    "GET /api/users?cursor=cleo": list([user("dora")]),
    "GET /api/ops/keys": list([key("k1", "anna"), key("k2", "gone")]),
  };
  vi.stubGlobal("window", { location: { origin: "http://here" } });
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    asked.push(`${init.method} ${path}`);
    const { status = 200, body } = replies[`${init.method} ${path}`] ?? { status: 404, body: { code: "not_found" } };
    return new Response(status === 204 ? null : JSON.stringify(body), { status });
  });
  for (const notice of notices.list) notices.dismiss(notice.id);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("lists accounts page by page, in order, and knows whose a key is", async () => {
  const users = new Users();
  await users.load();
  expect(users.keys.map((one) => users.nameOf(one.user_id))).toEqual(["anna", "gone"]);
  await users.more();
  replies["POST /api/users"] = { status: 201, body: user("ben") };
  await users.add("ben", "…", "member");
  expect(users.items.map((one) => one.name)).toEqual(["anna", "ben", "cleo", "dora"]);
  expect(users.next).toBe(null);
});

it("leaves an account as it was when its change is refused, and says why", async () => {
  const users = new Users();
  await users.load();
  const [anna] = users.items;
  if (!anna) throw new Error("there is an account");
  replies["PATCH /api/users/anna"] = { status: 409, body: { code: "last_admin", detail: "…" } };
  await users.change(anna, { role: "viewer" });
  expect(users.items[0]?.role).toBe("member");
  expect(notices.list.map((notice) => notice.text)).toEqual(["This is the last administrator: make somebody else one first."]);
  replies["PATCH /api/users/anna"] = { body: user("anna", { quotas: { ...NONE, tokens: 5 } }) };
  await users.limit(anna, { ...NONE, tokens: 5 });
  expect(users.items[0]?.quotas.tokens).toBe(5);
});

it("forgets an erased account with its keys", async () => {
  const users = new Users();
  await users.load();
  const [anna] = users.items;
  if (!anna) throw new Error("there is an account");
  await expect(users.erase(anna)).rejects.toMatchObject({ status: 404 });
  expect(users.items).toHaveLength(2);
  replies["DELETE /api/users/anna"] = { status: 204 };
  await users.erase(anna);
  expect([users.items.map((one) => one.id), users.keys.map((one) => one.id)]).toEqual([["cleo"], ["k2"]]);
});

it("reads the book from the newest entry on, and begins anew for another text", async () => {
  vi.useFakeTimers();
  const entry = (id: number) => ({ id, at: "", actor: "anna", action: "POST", target: "", outcome: "200", address: "", request_id: null });
  replies["GET /api/ops/audit?limit=50"] = list([entry(9), entry(8)], "8");
  replies["GET /api/ops/audit?before=8&limit=50"] = list([entry(7)]);
  replies["GET /api/ops/audit?text=media&limit=50"] = list([entry(4)]);
  const audit = new Audit();
  audit.find();
  await vi.runAllTimersAsync();
  await audit.older();
  await audit.older(); // there are none
  expect(audit.items.map((one) => one.id)).toEqual([9, 8, 7]);
  audit.text = " media ";
  audit.find();
  audit.find();
  await vi.runAllTimersAsync();
  expect([audit.items.map((one) => one.id), audit.before, asked.length]).toEqual([[4], null, 3]);
});

it("shows the whole address of a new link until it is revoked", async () => {
  const link = { id: "l1", prefix: "vcl_a", created_at: "", expires_at: "" };
  replies["POST /api/media/m1/links"] = { status: 201, body: { ...link, path: "/shared#vcl_abc" } };
  replies["DELETE /api/media/m1/links/l1"] = { status: 204 };
  const sharing = new Sharing("m1");
  await sharing.makeLink(7);
  expect(sharing.fresh?.address).toBe("http://here/shared#vcl_abc");
  expect(sharing.links).toEqual([link]);
  await sharing.revoke(link);
  expect([sharing.fresh, sharing.links]).toEqual([null, []]);
});
