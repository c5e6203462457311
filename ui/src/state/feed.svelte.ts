import { listen } from "../api/events";
import type { Job, MediaEvent, SegmentsEvent } from "../api/types";
import { connection } from "./connection.svelte";
import { session } from "./session.svelte";

export interface FeedListener {
  /** The feed is open (again): what happened in between has to be asked for. */
  onOpen?: () => void;
  onJob?: (job: Job) => void;
  onSegments?: (event: SegmentsEvent) => void;
  onMedia?: (event: MediaEvent) => void;
}

const PATIENCE_MS = 1500;
const RETRY_MS = 2000;
const HIDDEN_MS = 30_000;

/**
 * The one event stream of a tab.
 *
 * Browsers allow six HTTP/1.1 connections per host over all tabs together, so a tab keeps one stream for everything
 * (jobs, segments, media) and gives it back while nobody looks at it.
 */
class Feed {
  #listeners = new Set<FeedListener>();
  #close: (() => void) | null = null;
  #broken: ReturnType<typeof setTimeout> | undefined;
  #hidden: ReturnType<typeof setTimeout> | undefined;
  #opened = false;

  start(): void {
    this.#connect();
    document.addEventListener("visibilitychange", () => this.#onVisibility());
  }

  /** Hear of everything that happens; the returned function ends it. */
  subscribe(listener: FeedListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #connect(): void {
    if (!session.in) return;
    this.#close?.();
    this.#close = listen(
      "/api/events",
      {
        job: (data) => this.#tell((listener) => listener.onJob?.(data as Job)),
        segments: (data) => this.#tell((listener) => listener.onSegments?.(data as SegmentsEvent)),
        media: (data) => this.#tell((listener) => listener.onMedia?.(data as MediaEvent)),
      },
      { onOpen: () => this.#open(), onBroken: () => this.#suspect(), onClosed: () => void this.#closed() },
    );
  }

  #tell(what: (listener: FeedListener) => void): void {
    for (const listener of this.#listeners) what(listener);
  }

  #open(): void {
    if (this.#opened) void session.check(); // meanwhile somebody else may have signed in, or may do more or less
    this.#opened = true;
    this.#calm();
    connection.found();
    this.#tell((listener) => listener.onOpen?.());
  }

  #calm(): void {
    clearTimeout(this.#broken);
    this.#broken = undefined;
  }

  /** A stream that breaks and comes back at once (a restarted server) is not worth a banner. */
  #suspect(): void {
    this.#broken ??= setTimeout(() => connection.lost(), PATIENCE_MS);
  }

  /** A refused stream does not say why: it may be that nobody is signed in any more. */
  async #closed(): Promise<void> {
    this.#suspect();
    await session.check();
    if (session.in) setTimeout(() => this.#connect(), RETRY_MS);
    else this.#calm();
  }

  #onVisibility(): void {
    clearTimeout(this.#hidden);
    if (document.hidden) this.#hidden = setTimeout(() => this.#sleep(), HIDDEN_MS);
    else if (this.#close === null) this.#connect();
  }

  #sleep(): void {
    this.#close?.();
    this.#close = null;
  }
}

export const feed = new Feed();
