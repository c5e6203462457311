import { grant, listLinks, listReaders, makeLink, revokeLink, withdraw } from "../api/access";
import type { Link, Reader } from "../api/types";
import { notices } from "./notices.svelte";

/** Who beside its owner reads a recording: accounts, and whoever has a link. */
export class Sharing {
  readers = $state.raw<Reader[]>([]);
  links = $state.raw<Link[]>([]);
  /** The address of the link that was just made: nobody can show it again. */
  fresh = $state<{ id: string; address: string } | null>(null);

  constructor(readonly media: string) {}

  async load(): Promise<void> {
    await Promise.all([
      notices.attempt(async () => (this.readers = (await listReaders(this.media)).items)),
      notices.attempt(async () => (this.links = (await listLinks(this.media)).items)),
    ]);
  }

  /** Raises ApiError. */
  async add(name: string): Promise<void> {
    const added = await grant(this.media, name);
    this.readers = [...this.readers.filter((reader) => reader.id !== added.id), added];
  }

  /** Raises ApiError. */
  async remove(reader: Reader): Promise<void> {
    await withdraw(this.media, reader.id);
    this.readers = this.readers.filter((one) => one.id !== reader.id);
  }

  /** Raises ApiError. */
  async makeLink(days: number): Promise<void> {
    const { path, ...link } = await makeLink(this.media, days);
    this.fresh = { id: link.id, address: new URL(path, window.location.origin).href };
    this.links = [link, ...this.links];
  }

  /** Raises ApiError. */
  async revoke(link: Link): Promise<void> {
    await revokeLink(this.media, link.id);
    this.links = this.links.filter((one) => one.id !== link.id);
    if (this.fresh?.id === link.id) this.fresh = null;
  }
}
