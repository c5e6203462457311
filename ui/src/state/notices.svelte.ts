import { ApiError, isAbort } from "../api/client";
import { i18n, t } from "../i18n/index.svelte";
import { reasonOf } from "../lib/reasons";
import { connection } from "./connection.svelte";

export interface Notice {
  id: number;
  text: string;
  reference: string | null;
  tone: "error" | "info";
}

const MOST = 4;
const SECONDS = { error: 20, info: 8 }; // long enough to read; what failed is also said where it failed

class Notices {
  #last = 0;
  list = $state<Notice[]>([]);

  /** Tell a person what failed; a request that was cancelled on purpose is no failure, and the sign-in page speaks for itself. */
  error(failure: unknown, text = describe(failure)): void {
    if (isAbort(failure) || (failure instanceof ApiError && failure.signedOut)) return;
    if (failure instanceof ApiError && failure.unreachable) connection.lost();
    // A reference leads to the log of the service: of use where it failed, not where it refused.
    this.add(text, "error", failure instanceof ApiError && failure.status >= 500 ? failure.requestId : null);
  }

  /** Do something; when it fails that is told, and false is returned. */
  async attempt(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.error(error);
      return false;
    }
  }

  add(text: string, tone: Notice["tone"] = "error", reference: string | null = null): void {
    const others = this.list.filter((notice) => notice.text !== text);
    const id = ++this.#last;
    this.list = [...others, { id, text, reference, tone }].slice(-MOST);
    setTimeout(() => this.dismiss(id), SECONDS[tone] * 1000);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((notice) => notice.id !== id);
  }
}

/** A failure in a person's words. */
export function describe(failure: unknown): string {
  if (failure instanceof ApiError) {
    if (failure.unreachable) return t("error.unreachable");
    const known = reasonOf(failure.code);
    if (known !== null) return t(known);
    if (failure.status === 429 && failure.retryAfter !== null) return t("reason.rate_limited", { when: i18n.wait(failure.retryAfter) });
    return i18n.failure({ code: failure.code, message: failure.detail || failure.title || t("error.http", { status: failure.status }) });
  }
  return t("error.unexpected", { reason: failure instanceof Error ? failure.message : String(failure) });
}

export const notices = new Notices();
