import { getTranscript } from "../api/endpoints";
import { ApiError } from "../api/client";
import type { Segment, TranscriptPage } from "../api/types";
import { mergeSegments } from "../lib/segments";
import { notices } from "./notices.svelte";

const PAGE_SIZE = 1000;

type About = Omit<TranscriptPage, "segments" | "next">;

/** The transcript of one recording, which may still be growing. */
export class Transcript {
  segments = $state.raw<Segment[]>([]);
  about = $state.raw<About | null>(null);
  loading = $state(false);
  readonly #stop = new AbortController();
  #asked = false;

  constructor(readonly media: string) {}

  /** Fetch what is new; calls that come while one is under way are answered by one more. */
  async catchUp(): Promise<void> {
    this.#asked = true;
    if (this.loading) return;
    this.loading = true;
    try {
      while (this.#asked) {
        this.#asked = false;
        await this.#fetch();
      }
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) notices.error(error);
    } finally {
      this.loading = false;
    }
  }

  /** Ask for nothing more. */
  close(): void {
    this.#stop.abort();
  }

  async #fetch(): Promise<void> {
    const { signal } = this.#stop;
    const last = this.segments[this.segments.length - 1];
    // The last known segment is asked for once more: its text may have grown.
    let page = await getTranscript(this.media, last ? { since: last.n, limit: PAGE_SIZE } : { limit: PAGE_SIZE }, signal);
    this.#take(page);
    while (page.next !== null) {
      page = await getTranscript(this.media, { cursor: page.next, limit: PAGE_SIZE }, signal);
      this.#take(page);
    }
  }

  #take(page: TranscriptPage): void {
    const { segments, next: _, ...about } = page;
    this.segments = mergeSegments(this.segments, segments);
    this.about = about;
  }
}
