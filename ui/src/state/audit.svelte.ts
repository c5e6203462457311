import { getAudit } from "../api/access";
import { isAbort } from "../api/client";
import type { AuditEntry } from "../api/types";
import { notices } from "./notices.svelte";

const PAUSE_MS = 250;
const PAGE_SIZE = 50;

/** The book of what was done, newest first. */
export class Audit {
  text = $state("");
  entries = $state.raw<AuditEntry[]>([]);
  /** Where older entries begin, null when there are none. */
  before = $state<string | null>(null);
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
      const found = await getAudit({ text: this.text.trim(), before, limit: PAGE_SIZE }, asked.signal);
      this.entries = before === null ? found.items : [...this.entries, ...found.items];
      this.before = found.next;
    } catch (error) {
      if (!isAbort(error)) notices.error(error);
    } finally {
      if (this.#asked === asked) this.busy = false;
    }
  }
}
