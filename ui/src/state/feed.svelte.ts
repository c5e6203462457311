import { listen } from "../api/events";
import type { Job, MediaEvent, SegmentsEvent } from "../api/types";
import { connection } from "./connection.svelte";

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
    this.#close?.();
    this.#close = listen(
      "/api/events",
      {
        job: (data) => this.#tell((listener) => listener.onJob?.(data as Job)),
        segments: (data) => this.#tell((listener) => listener.onSegments?.(data as SegmentsEvent)),
        media: (data) => this.#tell((listener) => listener.onMedia?.(data as MediaEvent)),
      },
      { onOpen: () => this.#opened(), onBroken: () => this.#suspect(), onClosed: () => this.#closed() },
    );
  }

  #tell(what: (listener: FeedListener) => void): void {
    for (const listener of this.#listeners) what(listener);
  }

  #opened(): void {
    clearTimeout(this.#broken);
    this.#broken = undefined;
    connection.found();
    this.#tell((listener) => listener.onOpen?.());
  }

  /** A stream that breaks and comes back at once (a restarted server) is not worth a banner. */
  #suspect(): void {
    this.#broken ??= setTimeout(() => connection.lost(), PATIENCE_MS);
  }

  #closed(): void {
    this.#suspect();
    setTimeout(() => this.#connect(), RETRY_MS);
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
