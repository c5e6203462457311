import { getLogs } from "../api/endpoints";
import type { LogLine } from "../api/types";
import { Pager, type PageOf } from "./pager.svelte";

const PAGE_SIZE = 100;

/** Log lines that somebody looks for. */
export class Logs extends Pager<LogLine> {
  level = $state("info");
  text = $state("");
  /** False when there may be more lines than were read through. */
  complete = $state(true);

  protected async page(before: string | null, signal: AbortSignal): Promise<PageOf<LogLine>> {
    const found = await getLogs({ level: this.level, text: this.text.trim(), before, limit: PAGE_SIZE }, signal);
    this.complete = found.complete;
    return found;
  }
}
