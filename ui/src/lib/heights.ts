/**
 * Where the rows of a long list of uneven rows lie: heights are estimates until a row has been measured.
 *
 * The offsets are summed again, from the first changed row on, only when somebody asks for them.
 */
export class Heights {
  #heights = new Float64Array(0);
  #offsets = new Float64Array(1);
  #measured = new Uint8Array(0);
  #count = 0;
  #summed = 0; // offsets[0..summed] are right

  get count(): number {
    return this.#count;
  }

  /** Take `count` rows; those that are new get their estimate, the others keep their height. */
  resize(count: number, estimate: (index: number) => number): void {
    if (count > this.#heights.length) this.#grow(count);
    for (let index = this.#count; index < count; index++) {
      this.#heights[index] = estimate(index);
      this.#measured[index] = 0;
    }
    this.#summed = Math.min(this.#summed, this.#count, count);
    this.#count = count;
  }

  /** Estimate every row anew, because the width of the list has changed. */
  reset(estimate: (index: number) => number): void {
    const count = this.#count;
    this.#count = 0;
    this.resize(count, estimate);
  }

  /** Note the measured height of a row; returns by how much it differs from what was assumed. */
  measure(index: number, height: number): number {
    const before = this.#heights[index];
    if (before === undefined || index >= this.#count) return 0;
    this.#measured[index] = 1;
    if (Math.abs(before - height) < 0.5) return 0;
    this.#heights[index] = height;
    this.#summed = Math.min(this.#summed, index);
    return height - before;
  }

  isMeasured(index: number): boolean {
    return this.#measured[index] === 1;
  }

  height(index: number): number {
    return this.#heights[index] ?? 0;
  }

  /** The y of the top of a row; `offset(count)` is the height of the whole list. */
  offset(index: number): number {
    for (let at = this.#summed; at < index; at++) {
      this.#offsets[at + 1] = (this.#offsets[at] ?? 0) + (this.#heights[at] ?? 0);
    }
    this.#summed = Math.max(this.#summed, index);
    return this.#offsets[index] ?? 0;
  }

  /** The row that covers y. */
  indexAt(y: number): number {
    this.offset(this.#count);
    let low = 0;
    let high = Math.max(0, this.#count - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#offsets[middle] ?? 0) <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #grow(count: number): void {
    const size = Math.max(256, count, this.#heights.length * 2);
    const [heights, offsets, measured] = [this.#heights, this.#offsets, this.#measured];
    (this.#heights = new Float64Array(size)).set(heights);
    (this.#offsets = new Float64Array(size + 1)).set(offsets);
    (this.#measured = new Uint8Array(size)).set(measured);
  }
}
