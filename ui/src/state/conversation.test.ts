import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Answer } from "../api/types";
import { Conversation } from "./conversation.svelte";

/** Stands in for the browser's class: what the page listens to can be told by a test. */
class Source extends EventTarget {
  static CLOSED = 2;
  static open: Source[] = [];
  readyState = 1;
  constructor(readonly url: string) {
    super();
    Source.open.push(this);
  }
  tell(name: string, data: unknown): void {
    this.dispatchEvent(Object.assign(new Event(name), { data: JSON.stringify(data) }));
  }
  close(): void {
    Source.open = Source.open.filter((other) => other !== this);
  }
}

type Reply = { status?: number; body?: unknown };
let replies: Record<string, Reply | (() => Reply | Promise<Reply>)>;
let asked: string[];

function answer(id: string, more: Partial<Answer> = {}): Answer {
  return { id, conversation: "c1", question: `${id}?`, status: "completed", text: `${id}!`, citations: [], coverage: null, provider: "extractive", model: null, error: null, created_at: "2026-01-01T00:00:00Z", ...more };
}
const title = (id: string) => ({ id, title: id, created_at: "2026-01-01T00:00:00Z" });
const stored = (id: string, ...answers: Answer[]): Reply => ({ body: { ...title(id), answers } });
const list = (...ids: string[]): Reply => ({ body: { items: ids.map(title), next: null } });
const texts = (conversation: Conversation) => conversation.exchanges.map((exchange) => exchange.text);

beforeEach(() => {
  replies = {};
  asked = [];
  Source.open = [];
  vi.stubGlobal("EventSource", Source);
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    const [address] = path.split("&limit");
    asked.push(`${init.method} ${address}`);
    const found = replies[`${init.method} ${address}`] ?? { status: 404, body: { code: "not_found", detail: "gone" } };
    const { status = 200, body } = typeof found === "function" ? await found() : found;
    return new Response(status === 204 ? null : JSON.stringify(body), { status });
  });
});
afterEach(() => vi.unstubAllGlobals());

it("shows the newest stored conversation about a recording, and follows an answer that is still being written", async () => {
  replies["GET /api/conversations?media=m1"] = list("c1", "c0");
  replies["GET /api/conversations/c1"] = stored("c1", answer("a1"), answer("a2", { status: "running", text: "Half" }));
  const conversation = new Conversation("m1");
  await conversation.refresh();
  expect(conversation.id).toBe("c1");
  expect(conversation.titles.map((one) => one.id)).toEqual(["c1", "c0"]);
  expect(texts(conversation)).toEqual(["a1!", ""]); // the stream tells everything from the first word on
  expect(Source.open.map((source) => source.url)).toEqual(["/api/answers/a2/events"]);
  Source.open[0]?.tell("text", { text: "Half" });
  Source.open[0]?.tell("end", answer("a2", { text: "Half and whole" }));
  expect(texts(conversation)).toEqual(["a1!", "Half and whole"]);
  expect([conversation.busy, Source.open.length]).toEqual([false, 0]);
});

it("asks for the conversations about the library where there is no recording", async () => {
  replies["GET /api/conversations?media=library"] = list();
  await new Conversation(null).refresh();
  expect(asked).toEqual(["GET /api/conversations?media=library"]);
});

it("adds what another tab asked, and shows nothing twice", async () => {
  replies["GET /api/conversations?media=m1"] = list("c1");
  replies["GET /api/conversations/c1"] = stored("c1", answer("a1"));
  const conversation = new Conversation("m1");
  await conversation.refresh();
  const [first] = conversation.exchanges;
  replies["GET /api/conversations/c1"] = stored("c1", answer("a1"), answer("a2"));
  await conversation.refresh();
  expect(texts(conversation)).toEqual(["a1!", "a2!"]);
  expect(conversation.exchanges[0]).toBe(first);
});

it("does not take an answer twice that is stored before the reply to its question has come", async () => {
  replies["GET /api/conversations?media=m1"] = list("c1");
  replies["GET /api/conversations/c1"] = stored("c1", answer("a1"));
  let reply: (value: Reply) => void = () => undefined;
  replies["POST /api/answers"] = () => new Promise((resolve) => (reply = resolve));
  const conversation = new Conversation("m1");
  const sent = conversation.ask("a1?");
  await conversation.refresh();
  await vi.waitFor(() => expect(asked).toContain("POST /api/answers"));
  reply({ body: answer("a1") });
  await sent;
  expect(texts(conversation)).toEqual(["a1!"]);
  expect([conversation.id, conversation.titles.map((one) => one.title)]).toEqual(["c1", ["a1?"]]);
});

it("begins a new conversation and does not fall back into the old one", async () => {
  replies["GET /api/conversations?media=m1"] = list("c1");
  replies["GET /api/conversations/c1"] = stored("c1", answer("a1", { status: "running" }));
  const conversation = new Conversation("m1");
  await conversation.refresh();
  conversation.begin();
  await conversation.refresh();
  expect([conversation.id, conversation.exchanges.length, Source.open.length]).toEqual([null, 0, 0]);
  await conversation.open("c1");
  expect([conversation.id, conversation.exchanges.length, Source.open.length]).toEqual(["c1", 1, 1]);
});

it("deletes the conversation that is shown, also one that is gone already", async () => {
  replies["GET /api/conversations?media=m1"] = list("c1", "c0");
  replies["GET /api/conversations/c1"] = stored("c1", answer("a1"));
  const conversation = new Conversation("m1");
  await conversation.refresh();
  await conversation.remove();
  expect(asked.at(-1)).toBe("DELETE /api/conversations/c1");
  expect([conversation.id, conversation.exchanges.length]).toEqual([null, 0]);
  expect(conversation.titles.map((one) => one.id)).toEqual(["c0"]);
});

it("keeps a question that could not be sent, and begins anew where its conversation is gone", async () => {
  replies["GET /api/conversations?media=m1"] = list("c1");
  replies["GET /api/conversations/c1"] = stored("c1", answer("a1"));
  const conversation = new Conversation("m1");
  await conversation.refresh();
  await conversation.ask("and?"); // no reply is prepared: 404
  expect(conversation.exchanges.map((exchange) => [exchange.question, exchange.status])).toEqual([["a1?", "completed"], ["and?", "failed"]]);
  expect(conversation.id).toBe(null);
});

it("shows an empty panel when its conversation was deleted in another tab", async () => {
  replies["GET /api/conversations?media=m1"] = list("c1");
  replies["GET /api/conversations/c1"] = stored("c1", answer("a1"));
  const conversation = new Conversation("m1");
  await conversation.refresh();
  replies["GET /api/conversations?media=m1"] = list();
  delete replies["GET /api/conversations/c1"];
  await conversation.refresh();
  expect([conversation.id, conversation.exchanges.length, conversation.titles.length]).toEqual([null, 0, 0]);
});
