import { getSession, signIn, signOut, type Credentials } from "../api/access";
import { ApiError, onSignedOut } from "../api/client";
import type { Media, Permission, Session } from "../api/types";
import { connection } from "./connection.svelte";
import { notices } from "./notices.svelte";

const RETRY_SECONDS = 2;

/** Who uses this page, and what they may do. */
class SessionState {
  /** null until the service has said it. */
  value = $state.raw<Session | null>(null);
  /** By what somebody was in who no longer is. */
  lost = $state<"session" | "link" | null>(null);
  /** A guest wants to come in with an account. */
  entering = $state(false);
  #asking: Promise<void> | null = null;

  /** Somebody, or without accounts everybody, is let in. */
  get in(): boolean {
    return this.value !== null && this.value.kind !== null;
  }

  /** Whoever came by a link sees what it lends and nothing else. */
  get guest(): boolean {
    return this.value?.kind === "link";
  }

  /** People have accounts here or keys: there is somebody to be. */
  get accounts(): boolean {
    return this.value !== null && this.value.mode !== "none";
  }

  /** People sign in with a password here. */
  get passwords(): boolean {
    return this.value?.mode === "users";
  }

  /** There are several people here, who share with each other. */
  get people(): boolean {
    return this.value?.mode === "users" || this.value?.mode === "oidc";
  }

  may(permission: Permission): boolean {
    return this.value?.permissions.includes(permission) ?? false;
  }

  /** Renaming, deleting, sharing and transcribing are for the owner. */
  mayChange(media: Media): boolean {
    return media.mine && this.may("write");
  }

  /** Ask who is here until there is an answer. */
  async start(): Promise<void> {
    onSignedOut(() => void this.check());
    let seconds = await this.#try();
    while (this.value === null) {
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      seconds = await this.#try();
    }
  }

  /** Ask anew who is here; several who wonder at the same time share one answer. */
  async check(): Promise<void> {
    if (this.value?.mode === "none") return;
    this.#asking ??= this.#ask().finally(() => (this.#asking = null));
    await this.#asking;
  }

  /** Come in; raises ApiError. Where somebody was in before, the page begins anew, so that nothing of theirs is left in it. */
  async signIn(credentials: Credentials): Promise<void> {
    const now = await signIn(credentials);
    if (this.lost !== null || this.in) window.location.reload();
    else this.value = now;
  }

  async signOut(): Promise<void> {
    try {
      await signOut();
    } catch (error) {
      return notices.error(error);
    }
    window.location.assign("/");
  }

  /** Ask once; returns the seconds to wait where there was no answer. */
  async #try(): Promise<number> {
    try {
      this.#take(await getSession());
      connection.found();
      return 0;
    } catch (error) {
      if (error instanceof ApiError && error.unreachable) connection.lost();
      else notices.error(error);
      return (error instanceof ApiError ? error.retryAfter : null) ?? RETRY_SECONDS;
    }
  }

  async #ask(): Promise<void> {
    try {
      this.#take(await getSession());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // whoever wondered asks again
    }
  }

  #take(now: Session): void {
    const before = this.value;
    if (before !== null && before.kind !== null && now.kind === null) {
      this.lost = before.kind === "link" ? "link" : "session";
    } else if (before !== null && before.kind !== null && who(before) !== who(now)) {
      return window.location.reload(); // somebody else signed in, in another tab
    }
    this.value = now;
  }
}

function who(session: Session): string {
  return session.user?.id ?? `${session.kind}:${session.media.join()}`;
}

export const session = new SessionState();
