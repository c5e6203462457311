import type { Segment } from "../api/types";

/** Add a page of segments to the ones already there, by their number; later texts of the same segment win. */
export function mergeSegments(known: readonly Segment[], page: readonly Segment[]): Segment[] {
  const first = page[0];
  const last = known[known.length - 1];
  if (first === undefined) return known as Segment[];
  if (last === undefined || first.n > last.n) return [...known, ...page];
  const byNumber = new Map(known.map((segment) => [segment.n, segment]));
  for (const segment of page) byNumber.set(segment.n, segment);
  return [...byNumber.values()].sort((a, b) => a.n - b.n);
}

/** The index of the last segment that starts at or before a time; -1 before the first. */
export function segmentAt(segments: readonly Segment[], time: number): number {
  let low = -1;
  let high = segments.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((segments[middle]?.start ?? Infinity) <= time) low = middle;
    else high = middle - 1;
  }
  return low;
}
