import { changePassword, endSession, getAccount, listKeys, listSessions, makeKey, revokeKey } from "../api/access";
import type { Key, NewKey, OpenSession, Permission, Usage } from "../api/types";
import { notices } from "./notices.svelte";

/** One's own account: what one uses, where one is signed in, one's keys. */
export class Account {
  usage = $state.raw<Usage | null>(null);
  sessions = $state.raw<OpenSession[]>([]);
  keys = $state.raw<Key[]>([]);
  /** The key that was just made: nobody can show it again. */
  fresh = $state.raw<NewKey | null>(null);

  async load(): Promise<void> {
    await Promise.all([
      notices.attempt(async () => (this.usage = (await getAccount()).usage)),
      this.loadSessions(),
      notices.attempt(async () => (this.keys = (await listKeys()).items)),
    ]);
  }

  async loadSessions(): Promise<void> {
    await notices.attempt(async () => (this.sessions = (await listSessions()).items));
  }

  async end(session: OpenSession): Promise<void> {
    await notices.attempt(() => endSession(session.id));
    await this.loadSessions();
  }

  /** Raises ApiError. */
  async changePassword(old: string, password: string): Promise<void> {
    await changePassword(old, password);
    await this.loadSessions();
  }

  /** Raises ApiError. */
  async makeKey(name: string, scopes: Permission[], days: number | null): Promise<void> {
    const made = await makeKey(name, scopes, days);
    this.fresh = made;
    this.keys = [made, ...this.keys];
  }

  async revoke(key: Key): Promise<void> {
    if (!(await notices.attempt(() => revokeKey(key.id)))) return;
    this.keys = this.keys.filter((one) => one.id !== key.id);
    if (this.fresh?.id === key.id) this.fresh = null;
  }
}
