import { ApiError } from "../api/client";
import { deleteConversation, getConversation, listConversations } from "../api/endpoints";
import type { ConversationTitle, StoredConversation } from "../api/types";
import { Exchange } from "./exchange.svelte";
import { describe, notices } from "./notices.svelte";

const MOST = 100;

/**
 * The conversation about one recording, or about all (`media` null), and the titles of the earlier ones.
 *
 * The service keeps them: what was asked is there again after a reload and in other tabs. Objects of this class outlive
 * the components that make them, so they derive nothing by `$derived`, which would stop with its component.
 */
export class Conversation {
  exchanges = $state<Exchange[]>([]);
  /** The stored conversation that is shown; null before the first question of a new one. */
  id = $state<string | null>(null);
  titles = $state.raw<ConversationTitle[]>([]);
  #last = 0;
  /** Counts what people do: a reply to something older than that must change nothing any more. */
  #turn = 0;
  #begun = false;

  constructor(readonly media: string | null) {}

  get busy(): boolean {
    return this.exchanges.some((exchange) => exchange.status === "running");
  }

  /** Ask the service for what it knows: at first the newest conversation, later what came to the one that is shown. */
  async refresh(): Promise<void> {
    if (this.exchanges.some((exchange) => exchange.id === null && exchange.status === "running")) return; // being sent
    const turn = this.#turn;
    try {
      const { items } = await listConversations(this.media, MOST);
      if (turn !== this.#turn) return;
      this.titles = items;
      const wanted = this.id ?? (this.#begun || this.exchanges.length > 0 ? undefined : items[0]?.id);
      if (wanted !== undefined) await this.#load(wanted, turn);
    } catch (error) {
      notices.error(error);
    }
  }

  /** Show an earlier conversation. */
  async open(id: string): Promise<void> {
    const turn = ++this.#turn;
    try {
      await this.#load(id, turn);
    } catch (error) {
      notices.error(error);
    }
  }

  /** Begin a new conversation; the service hears of it with its first question. */
  begin(): void {
    this.#turn += 1;
    this.#begun = true;
    this.#leave();
  }

  /** Delete the conversation that is shown. */
  async remove(): Promise<void> {
    const { id } = this;
    if (id === null) return;
    try {
      await deleteConversation(id);
    } catch (error) {
      if (!isUnknown(error)) return notices.error(error);
    }
    this.titles = this.titles.filter((title) => title.id !== id);
    if (this.id === id) this.begin();
  }

  async ask(question: string): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const exchange = new Exchange(++this.#last, question);
    this.exchanges.push(exchange);
    try {
      const answer = await exchange.start(this.media === null ? null : [this.media], this.id);
      this.#enlist({ id: answer.conversation, title: question, created_at: answer.created_at });
      if (turn === this.#turn) this.id = answer.conversation;
    } catch (error) {
      exchange.fail(describe(error));
      notices.error(error);
      if (isUnknown(error) && turn === this.#turn) this.id = null; // deleted elsewhere: asked again, it begins a new one
    }
  }

  async #load(id: string, turn: number): Promise<void> {
    try {
      const stored = await getConversation(id);
      if (turn === this.#turn) this.#show(stored);
    } catch (error) {
      if (!isUnknown(error)) throw error;
      if (turn === this.#turn) this.begin(); // it was deleted elsewhere
    }
  }

  #show(stored: StoredConversation): void {
    if (this.id !== stored.id) this.#leave();
    this.id = stored.id;
    const known = new Map(this.exchanges.map((exchange) => [exchange.id, exchange]));
    const unsent = this.exchanges.filter((exchange) => exchange.id === null);
    const shown = stored.answers.map((answer) => {
      const exchange = known.get(answer.id) ?? new Exchange(++this.#last, answer.question);
      exchange.show(answer);
      return exchange;
    });
    this.exchanges = [...shown, ...unsent];
  }

  #enlist(title: ConversationTitle): void {
    if (!this.titles.some((known) => known.id === title.id)) this.titles = [title, ...this.titles];
  }

  #leave(): void {
    for (const exchange of this.exchanges) exchange.leave();
    this.exchanges = [];
    this.id = null;
  }
}

const conversations = new Map<string | null, Conversation>();

/** The conversation about a recording; it stays while the person moves between pages. */
export function conversationAbout(media: string | null): Conversation {
  const known = conversations.get(media) ?? new Conversation(media);
  conversations.set(media, known);
  return known;
}

function isUnknown(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}
