import { getSystem } from "../api/endpoints";
import type { System } from "../api/types";
import { feed } from "./feed.svelte";
import { notices } from "./notices.svelte";

/** What the service says about itself; asked for anew whenever it comes back. */
class SystemState {
  value = $state.raw<System | null>(null);

  start(): void {
    void this.#load();
    feed.subscribe({ onOpen: () => void this.#load() });
  }

  async #load(): Promise<void> {
    try {
      this.value = await getSystem();
    } catch (error) {
      notices.error(error);
    }
  }
}

export const system = new SystemState();
