import { ApiError, isAbort } from "../api/client";
import { t } from "../i18n/index.svelte";
import { connection } from "./connection.svelte";

export interface Notice {
  id: number;
  text: string;
  reference: string | null;
  tone: "error" | "info";
}

const MOST = 4;

class Notices {
  #last = 0;
  list = $state<Notice[]>([]);

  /** Tell a person what failed; a request that was cancelled on purpose is no failure. */
  error(failure: unknown): void {
    if (isAbort(failure)) return;
    if (failure instanceof ApiError && failure.unreachable) connection.lost();
    this.add(describe(failure), "error", failure instanceof ApiError ? failure.requestId : null);
  }

  add(text: string, tone: Notice["tone"] = "error", reference: string | null = null): void {
    const others = this.list.filter((notice) => notice.text !== text);
    this.list = [...others, { id: ++this.#last, text, reference, tone }].slice(-MOST);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((notice) => notice.id !== id);
  }
}

/** A failure in a person's words. */
export function describe(failure: unknown): string {
  if (failure instanceof ApiError) {
    if (failure.unreachable) return t("error.unreachable");
    return failure.detail || failure.title || t("error.http", { status: failure.status });
  }
  return t("error.unexpected", { reason: failure instanceof Error ? failure.message : String(failure) });
}

export const notices = new Notices();
