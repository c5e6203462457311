import { search } from "../api/endpoints";
import { isAbort } from "../api/client";
import type { Hit } from "../api/types";
import { i18n, t } from "../i18n/index.svelte";
import { markedWords, type Marks } from "../lib/marks";
import { notices } from "./notices.svelte";

const PAUSE_MS = 220;
const LIMIT = 100;

/** A search that follows what is being typed: the last question wins. */
export class Finder {
  hits = $state.raw<Hit[]>([]);
  /** The question that the hits answer; empty when there is none. */
  answered = $state("");
  busy = $state(false);
  /** The words that are marked in the hits, and the segments in which they were found. */
  marks = $derived<Marks>({
    words: markedWords(this.hits.map((hit) => hit.text)),
    segments: new Set(this.hits.flatMap((hit) => hit.segments)),
  });
  /** How many places there are, said in words; of more than can be shown, how many are shown. */
  count = $derived(this.hits.length < LIMIT ? i18n.count("search.hits", this.hits.length) : t("search.hits_first", { count: LIMIT }));
  #stop: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly media: string | null) {}

  /** Look for something, once the typing pauses. */
  find(query: string): void {
    clearTimeout(this.#timer);
    this.#stop?.abort();
    const wanted = query.trim();
    this.busy = wanted !== "";
    if (wanted === "") this.#show("", []);
    else this.#timer = setTimeout(() => void this.#ask(wanted), PAUSE_MS);
  }

  async #ask(query: string): Promise<void> {
    const stop = new AbortController();
    this.#stop = stop;
    try {
      const page = await search(query, this.media, LIMIT, stop.signal);
      this.#show(query, page.items);
    } catch (error) {
      if (!isAbort(error)) this.#show("", []);
      notices.error(error);
    } finally {
      if (this.#stop === stop && !stop.signal.aborted) this.busy = false;
    }
  }

  #show(query: string, hits: Hit[]): void {
    this.answered = query;
    this.hits = hits;
  }
}
