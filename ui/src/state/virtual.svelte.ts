import { tick, untrack } from "svelte";
import { Heights } from "../lib/heights";

const OVERSCAN = 8;
const SETTLING_FRAMES = 12;

/**
 * Which rows of a long list are in sight, and how to bring another one there.
 *
 * Only rows near the view exist in the document; the others are an empty height. A row's height is an estimate until
 * it has been seen; what the estimate was wrong by above the view is added to the scroll position, so nothing jumps.
 */
export class VirtualList {
  readonly heights = new Heights();
  #version = $state(0);
  #top = $state(0);
  #view = $state(600);
  #width = 0;
  #scroller: HTMLElement | null = null;
  #settling = 0;
  readonly #rows: ResizeObserver;

  readonly window = $derived.by(() => {
    void this.#version;
    const { heights } = this;
    if (heights.count === 0) return { first: 0, last: 0, offset: 0, total: 0 };
    const first = Math.max(0, heights.indexAt(this.#top) - OVERSCAN);
    const last = Math.min(heights.count, heights.indexAt(this.#top + this.#view) + 1 + OVERSCAN);
    return { first, last, offset: heights.offset(first), total: heights.offset(heights.count) };
  });

  constructor(readonly estimate: (index: number, width: number) => number) {
    this.#rows = new ResizeObserver((entries) => this.#measure(entries));
  }

  resize(count: number): void {
    this.heights.resize(count, (index) => this.estimate(index, this.#width));
    this.#changed();
  }

  /** Take an element as the scrolling view of the list. */
  attach = (scroller: HTMLElement): (() => void) => {
    this.#scroller = scroller;
    const onScroll = () => (this.#top = scroller.scrollTop);
    const size = new ResizeObserver(() => this.#resized(scroller));
    scroller.addEventListener("scroll", onScroll, { passive: true });
    size.observe(scroller);
    return () => {
      scroller.removeEventListener("scroll", onScroll);
      size.disconnect();
      this.#rows.disconnect();
      this.#scroller = null;
    };
  };

  /** Measure a row; it says by data-index which one it is. */
  row = (element: HTMLElement): (() => void) => {
    this.#rows.observe(element);
    return () => this.#rows.unobserve(element);
  };

  /** Is the row within the calm part of the view, where nothing has to move? */
  isComfortable(index: number): boolean {
    const [top, view] = untrack(() => [this.heights.offset(index) - this.#top, this.#view]);
    return top >= view * 0.08 && top + Math.min(this.heights.height(index), view / 2) <= view * 0.72;
  }

  /** Bring a row to the upper third of the view: gliding when it is near, at once when it is far. */
  async reveal(index: number, glide: boolean): Promise<void> {
    await tick();
    const scroller = this.#scroller;
    if (!scroller) return;
    const near = Math.abs(this.#goal(index) - scroller.scrollTop) < this.#view;
    if (glide && near) scroller.scrollTo({ top: this.#goal(index), behavior: "smooth" });
    else this.#settle(index, SETTLING_FRAMES);
  }

  /** Jump, and correct the jump while the rows around its end are being measured. */
  #settle(index: number, frames: number): void {
    cancelAnimationFrame(this.#settling);
    if (!this.#scroller || frames === 0) return;
    this.#scroller.scrollTop = this.#goal(index);
    this.#settling = requestAnimationFrame(() => this.#settle(index, frames - 1));
  }

  /** The person has taken over: no more corrections. */
  release(): void {
    cancelAnimationFrame(this.#settling);
  }

  /** The heights are no state of Svelte (20,000 of them would be slow): this tells that they have changed. */
  #changed(): void {
    this.#version = untrack(() => this.#version) + 1;
  }

  #goal(index: number): number {
    return Math.max(0, this.heights.offset(index) - this.#view * 0.28);
  }

  #resized(scroller: HTMLElement): void {
    this.#view = scroller.clientHeight;
    if (Math.abs(scroller.clientWidth - this.#width) < 1) return;
    this.#width = scroller.clientWidth;
    this.heights.reset((index) => this.estimate(index, this.#width));
    for (const row of scroller.querySelectorAll<HTMLElement>("[data-index]")) {
      this.heights.measure(Number(row.dataset.index), row.offsetHeight);
    }
    this.#changed();
  }

  #measure(entries: ResizeObserverEntry[]): void {
    const anchor = this.heights.indexAt(this.#top);
    let above = 0;
    let changed = false;
    for (const { target } of entries) {
      const index = Number((target as HTMLElement).dataset.index);
      const delta = this.heights.measure(index, (target as HTMLElement).offsetHeight);
      if (index < anchor) above += delta;
      changed ||= delta !== 0;
    }
    if (changed) this.#changed();
    if (above !== 0 && this.#scroller) void this.#shift(above);
  }

  async #shift(by: number): Promise<void> {
    await tick(); // the list has its new height only then
    if (this.#scroller) this.#scroller.scrollTop += by;
  }
}
