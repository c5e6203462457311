import { getAudit } from "../api/access";
import type { AuditEntry } from "../api/types";
import { Pager, type PageOf } from "./pager.svelte";

const PAGE_SIZE = 50;

/** The book of what was done. */
export class Audit extends Pager<AuditEntry> {
  text = $state("");

  protected async page(before: string | null, signal: AbortSignal): Promise<PageOf<AuditEntry>> {
    const { items, next } = await getAudit({ text: this.text.trim(), before, limit: PAGE_SIZE }, signal);
    return { items, before: next };
  }
}
