import { ApiError } from "../api/client";
import { getWaveform } from "../api/endpoints";
import type { Waveform } from "../api/types";
import { notices } from "./notices.svelte";

const FIRST_MS = 2500;
const AGAIN_MS = 10_000;

/** The loudness of one recording: there from the moment its sound is decoded, some time into the transcription. */
export class WaveformState {
  value = $state.raw<Waveform | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly media: string) {}

  /** Look for it now where the work has ended, else again and again until it is there. */
  look(ended: boolean): void {
    this.close();
    if (this.value !== null) return;
    if (ended) void this.#load();
    else this.#later(FIRST_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #later(pause: number): void {
    this.#timer = setTimeout(async () => {
      await this.#load();
      if (this.value === null) this.#later(AGAIN_MS);
    }, pause);
  }

  async #load(): Promise<void> {
    try {
      this.value = await getWaveform(this.media);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) notices.error(error); // 404: not decoded (yet)
    }
  }
}
