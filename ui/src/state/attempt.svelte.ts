import { ApiError } from "../api/client";
import { describe } from "./notices.svelte";

/** What a form does: whether it is under way, and why it failed, said in the form and not in a notice. */
export class Attempt {
  busy = $state(false);
  #failure = $state.raw<unknown>(null);

  get code(): string | null {
    return this.#failure instanceof ApiError ? this.#failure.code : null;
  }

  get reason(): string | null {
    const silent = this.#failure === null || (this.#failure instanceof ApiError && this.#failure.signedOut);
    return silent ? null : describe(this.#failure);
  }

  /** Do it, unless it is being done; true when it went well. */
  async run(work: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.#failure = null;
    try {
      await work();
      return true;
    } catch (error) {
      this.#failure = error;
      return false;
    } finally {
      this.busy = false;
    }
  }

  forget(): void {
    this.#failure = null;
  }
}
