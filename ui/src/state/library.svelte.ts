import { changeJob, deleteMedia, getMedia, listMedia, type JobAction } from "../api/endpoints";
import { ApiError } from "../api/client";
import type { Job, Media, MediaEvent, Page } from "../api/types";
import { feed } from "./feed.svelte";
import { notices } from "./notices.svelte";

const PAGE_SIZE = 30;

/** The recordings, newest first, kept up to date by the feed: one's own, and those that others let one read. */
class Library {
  /** Every recording that is known, of both kinds. */
  items = $state.raw<Media[]>([]);
  /** Which kind is listed. */
  shared = $state(false);
  listed = $derived(this.items.filter((media) => media.mine !== this.shared));
  next = $state<string | null>(null);
  loaded = $state(false);
  loading = $state(false);
  #stale = false;

  start(shared = false): void {
    this.shared = shared;
    void this.#refresh();
    feed.subscribe({
      onOpen: () => void this.#refresh(),
      onJob: (job) => this.#onJob(job),
      onMedia: (event) => this.#onMedia(event),
    });
  }

  get(id: string): Media | undefined {
    return this.items.find((media) => media.id === id);
  }

  /** Ask for the next page of recordings. */
  async more(): Promise<void> {
    if (this.next === null || this.loading) return;
    await this.#load(this.next);
    if (this.#stale) await this.#refresh();
  }

  /** List one's own recordings, or those that others share. */
  choose(shared: boolean): void {
    if (shared === this.shared) return;
    this.shared = shared;
    this.next = null;
    this.loaded = false;
    void this.#refresh();
  }

  /** Put a recording into the list, or its new state in the place of the old one. */
  put(media: Media): void {
    const others = this.items.filter((item) => item.id !== media.id);
    this.items = [media, ...others].sort(newestFirst);
  }

  /** Delete a recording; true when it is gone. */
  async remove(media: Media): Promise<boolean> {
    try {
      await deleteMedia(media.id);
    } catch (error) {
      notices.error(error);
      return false;
    }
    this.#drop(media.id);
    return true;
  }

  async change(job: Job, action: JobAction): Promise<void> {
    try {
      this.#onJob(await changeJob(job.id, action));
    } catch (error) {
      notices.error(error);
    }
  }

  /** Ask for one recording anew; null when there is none. */
  async reload(id: string): Promise<Media | null> {
    try {
      const media = await getMedia(id);
      this.put(media);
      return media;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.#drop(id);
      else notices.error(error);
      return null;
    }
  }

  async #refresh(): Promise<void> {
    this.#stale = true;
    while (this.#stale && !this.loading) {
      this.#stale = false;
      await this.#load(null);
    }
  }

  async #load(cursor: string | null): Promise<void> {
    this.loading = true;
    const { shared } = this;
    try {
      const page = await listMedia(shared, cursor, PAGE_SIZE);
      if (shared !== this.shared) return; // the other kind was chosen meanwhile
      const others = this.#others(page, cursor === null);
      this.items = [...page.items, ...others].sort(newestFirst);
      const alone = others.every((media) => media.mine === shared);
      if (cursor !== null || alone || !this.loaded) this.next = page.next;
      this.loaded = true;
    } catch (error) {
      notices.error(error);
    } finally {
      this.loading = false;
    }
  }

  /** What stays of the known recordings beside a page; a first page also tells which newer ones are gone. */
  #others(page: Page<Media>, first: boolean): Media[] {
    const fresh = new Set(page.items.map((media) => media.id));
    const oldest = page.items[page.items.length - 1];
    const others = this.items.filter((media) => !fresh.has(media.id));
    if (!first) return others;
    const older = (media: Media) => oldest !== undefined && page.next !== null && newestFirst(media, oldest) > 0;
    return others.filter((media) => media.mine === this.shared || older(media));
  }

  #onJob(job: Job): void {
    const media = this.get(job.media_id);
    if (!media) return;
    const newer = media.job === null || media.job.id === job.id || media.job.created_at <= job.created_at;
    if (!newer) return;
    const turned = media.job?.status !== job.status || media.job.step !== job.step;
    this.put({ ...media, job });
    if (turned) void this.reload(media.id); // its status, duration or kind may be known now
  }

  #onMedia(event: MediaEvent): void {
    if (event.action === "deleted") this.#drop(event.id);
    else void this.reload(event.id);
  }

  #drop(id: string): void {
    this.items = this.items.filter((media) => media.id !== id);
  }
}

function newestFirst(a: Media, b: Media): number {
  return b.created_at.localeCompare(a.created_at);
}

export const library = new Library();
