import { untrack } from "svelte";

/** The player of a page: its position as state, and the one way to move it. */
export class Player {
  time = $state(0);
  duration = $state<number | null>(null);
  playing = $state(false);
  broken = $state(false);
  #element: HTMLMediaElement | null = null;
  #wanted = false;
  #frame = 0;

  /**
   * Follow a media element; the returned function lets go of it.
   *
   * Nothing is tracked: an attachment that depended on the time would be made anew with every frame, and seek each time.
   */
  attach = (element: HTMLMediaElement): (() => void) => untrack(() => this.#follow(element));

  #follow(element: HTMLMediaElement): () => void {
    this.#element = element;
    if (this.time > 0) element.currentTime = this.time; // asked for before there was an element
    if (this.#wanted) void this.#play();
    this.#wanted = false;
    const stop = new AbortController();
    const on = (name: string, listener: () => void) => element.addEventListener(name, listener, { signal: stop.signal });
    on("timeupdate", () => this.#read());
    on("seeking", () => this.#read());
    on("durationchange", () => (this.duration = Number.isFinite(element.duration) ? element.duration : null));
    on("playing", () => this.#started());
    on("pause", () => (this.playing = false));
    on("ended", () => (this.playing = false));
    on("error", () => (this.broken = true));
    return () => {
      stop.abort();
      cancelAnimationFrame(this.#frame);
      this.#element = null;
    };
  }

  /** Stand at a second; with `play` go on from there. */
  seek(seconds: number, play = false): void {
    const time = Math.max(0, seconds); // not read back from the state: an effect that seeks must not follow the time
    this.time = time;
    this.#wanted = play && this.#element === null;
    if (!this.#element) return;
    this.#element.currentTime = time;
    if (play) void this.#play();
  }

  toggle(): void {
    if (this.playing) this.#element?.pause();
    else void this.#play();
  }

  async #play(): Promise<void> {
    try {
      await this.#element?.play();
    } catch (error) {
      // Refused by the browser's autoplay policy, overtaken by a pause, or a file it cannot play (the error event tells).
      if (!(error instanceof DOMException)) throw error;
    }
  }

  #read(): void {
    if (this.#element && !this.broken) this.time = this.#element.currentTime;
  }

  #started(): void {
    this.playing = true;
    cancelAnimationFrame(this.#frame);
    const tick = () => {
      this.#read();
      if (this.playing) this.#frame = requestAnimationFrame(tick);
    };
    tick();
  }
}
