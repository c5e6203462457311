import { isAbort } from "../api/client";
import { getLogs } from "../api/endpoints";
import type { LogLine } from "../api/types";
import { notices } from "./notices.svelte";

const PAUSE_MS = 250;

/** Log lines that somebody looks for, newest first. */
export class Logs {
  level = $state("info");
  text = $state("");
  lines = $state.raw<LogLine[]>([]);
  /** Where older lines begin, null when there are none. */
  before = $state<string | null>(null);
  complete = $state(true);
  busy = $state(false);

  #asked: AbortController | null = null;
  #pause: ReturnType<typeof setTimeout> | undefined;

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
      const found = await getLogs({ level: this.level, text: this.text.trim(), before, limit: 100 }, asked.signal);
      this.lines = before === null ? found.items : [...this.lines, ...found.items];
      this.before = found.before;
      this.complete = found.complete;
    } catch (error) {
      if (!isAbort(error)) notices.error(error);
    } finally {
      if (this.#asked === asked) this.busy = false;
    }
  }
}
