import { isAbort } from "../api/client";
import { notices } from "./notices.svelte";

const PAUSE_MS = 250;

export interface PageOf<T> {
  items: T[];
  /** Where older ones begin, null when there are none. */
  before: string | null;
}

/** What somebody looks for, newest first, page by page; of several looks only the last one counts. */
export abstract class Pager<T> {
  items = $state.raw<T[]>([]);
  before = $state<string | null>(null);
  busy = $state(false);

  #asked: AbortController | null = null;
  #pause: ReturnType<typeof setTimeout> | undefined;

  /** Ask for the page that begins there, or for the first. */
  protected abstract page(before: string | null, signal: AbortSignal): Promise<PageOf<T>>;

  /** Look again, a moment after the last letter was typed. */
  find(): void {
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => void this.#load(null), PAUSE_MS);
  }

  async older(): Promise<void> {
    if (this.before !== null) await this.#load(this.before);
  }

  async #load(before: string | null): Promise<void> {
    this.#asked?.abort();
    const asked = (this.#asked = new AbortController());
    this.busy = true;
    try {
      const found = await this.page(before, asked.signal);
      this.items = before === null ? found.items : [...this.items, ...found.items];
      this.before = found.before;
    } catch (error) {
      if (!isAbort(error)) notices.error(error);
    } finally {
      if (this.#asked === asked) this.busy = false;
    }
  }
}
