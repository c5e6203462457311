import { answerEventsUrl, ask, cancelAnswer, getAnswer } from "../api/endpoints";
import { listen } from "../api/events";
import type { Answer, AnswerStatus, Citation, Coverage } from "../api/types";
import { describe, notices } from "./notices.svelte";

const RETRY_MS = 2000;

/** A question and what has come of it so far. */
export class Exchange {
  id = $state<string | null>(null);
  status = $state<AnswerStatus>("running");
  text = $state("");
  citations = $state.raw<Citation[]>([]);
  coverage = $state.raw<Coverage | null>(null);
  provider = $state<string | null>(null);
  model = $state<string | null>(null);
  reason = $state<string | null>(null);
  #close: (() => void) | null = null;

  constructor(
    readonly key: number,
    readonly question: string,
  ) {}

  /** Send the question; returns the conversation it belongs to. */
  async start(media: string[] | null, conversation: string | null): Promise<string | null> {
    const answer = await ask(this.question, media, conversation);
    this.id = answer.id;
    this.#listen(answer.id);
    return answer.conversation ?? conversation;
  }

  async cancel(): Promise<void> {
    if (this.id === null || this.status !== "running") return;
    try {
      const answer = await cancelAnswer(this.id);
      if (answer.status !== "running") this.#finish(answer); // else the stream tells when it has stopped
    } catch (error) {
      notices.error(error);
    }
  }

  fail(reason: string): void {
    this.#close?.();
    this.status = "failed";
    this.reason = reason;
  }

  #listen(id: string): void {
    this.#close = listen(
      answerEventsUrl(id),
      {
        text: (data) => (this.text += (data as { text: string }).text),
        citation: (data) => this.#cite(data as Citation),
        end: (data) => this.#finish(data as Answer),
      },
      { onClosed: () => void this.#recover(id) },
    );
  }

  #cite(citation: Citation): void {
    const others = this.citations.filter((known) => known.n !== citation.n);
    this.citations = [...others, citation].sort((a, b) => a.n - b.n);
  }

  /** The stored answer is the whole one: it replaces what was streamed. */
  #finish(answer: Answer): void {
    this.#close?.();
    this.status = answer.status;
    this.text = answer.text || this.text;
    this.citations = answer.citations.map((citation) => ({ ...this.#streamed(citation.n), ...citation }));
    this.coverage = answer.coverage;
    this.provider = answer.provider;
    this.model = answer.model;
    this.reason = answer.error?.message ?? null;
  }

  #streamed(n: number): Partial<Citation> {
    return this.citations.find((citation) => citation.n === n) ?? {};
  }

  /** The stream was refused: the stored answer tells whether there is still something to wait for. */
  async #recover(id: string): Promise<void> {
    try {
      const answer = await getAnswer(id);
      if (answer.status !== "running") return this.#finish(answer);
    } catch (error) {
      return this.fail(describe(error));
    }
    this.text = "";
    this.citations = [];
    setTimeout(() => this.#listen(id), RETRY_MS);
  }
}

/** The questions of this visit about one recording, or about all (`media` null). */
export class Conversation {
  exchanges = $state<Exchange[]>([]);
  busy = $derived(this.exchanges.some((exchange) => exchange.status === "running"));
  #id: string | null = null;
  #last = 0;

  constructor(readonly media: string | null) {}

  async ask(question: string): Promise<void> {
    const exchange = new Exchange(++this.#last, question);
    this.exchanges.push(exchange);
    try {
      this.#id = await exchange.start(this.media === null ? null : [this.media], this.#id);
    } catch (error) {
      exchange.fail(describe(error));
      notices.error(error);
    }
  }
}

const conversations = new Map<string | null, Conversation>();

/** The conversation about a recording; it stays while the person moves between pages. */
export function conversationAbout(media: string | null): Conversation {
  const known = conversations.get(media) ?? new Conversation(media);
  conversations.set(media, known);
  return known;
}
