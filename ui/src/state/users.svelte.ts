import { addUser, changeUser, eraseUser, listAllKeys, listUsers, revokeAnyKey } from "../api/access";
import type { Key, Quota, Role, User } from "../api/types";
import { notices } from "./notices.svelte";

/** Everybody's accounts and keys, for administrators. */
export class Users {
  items = $state.raw<User[]>([]);
  next = $state<string | null>(null);
  loaded = $state(false);
  keys = $state.raw<Key[]>([]);
  #names = $derived(new Map(this.items.map((user) => [user.id, user.name])));

  async load(): Promise<void> {
    await Promise.all([this.#page(null), notices.attempt(async () => (this.keys = (await listAllKeys()).items))]);
  }

  async more(): Promise<void> {
    if (this.next !== null) await this.#page(this.next);
  }

  /** Who that is; the id itself of whom this page has not read, or who is gone. */
  nameOf(id: string): string {
    return this.#names.get(id) ?? id;
  }

  /** Raises ApiError. */
  async add(name: string, password: string, role: Role): Promise<void> {
    const added = await addUser(name, password, role);
    this.items = [...this.items, added].sort((a, b) => a.name.localeCompare(b.name));
  }

  /** Change an account; where that is refused the list is as it was. */
  async change(user: User, change: { role?: Role; disabled?: boolean }): Promise<void> {
    await notices.attempt(async () => this.#replace(await changeUser(user.id, change)));
    this.items = [...this.items]; // what was chosen and refused is drawn back
  }

  /** Raises ApiError. */
  async limit(user: User, quotas: Quota): Promise<void> {
    this.#replace(await changeUser(user.id, { quotas }));
  }

  /** Raises ApiError. */
  async erase(user: User): Promise<void> {
    await eraseUser(user.id);
    this.items = this.items.filter((one) => one.id !== user.id);
    this.keys = this.keys.filter((key) => key.user_id !== user.id);
  }

  async revoke(key: Key): Promise<void> {
    if (await notices.attempt(() => revokeAnyKey(key.id))) this.keys = this.keys.filter((one) => one.id !== key.id);
  }

  async #page(cursor: string | null): Promise<void> {
    await notices.attempt(async () => {
      const page = await listUsers(cursor);
      this.items = cursor === null ? page.items : [...this.items, ...page.items];
      this.next = page.next;
      this.loaded = true;
    });
  }

  #replace(changed: User): void {
    this.items = this.items.map((one) => (one.id === changed.id ? changed : one));
  }
}
