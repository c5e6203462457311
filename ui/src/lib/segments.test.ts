import { expect, it } from "vitest";
import type { Segment } from "../api/types";
import { mergeSegments, segmentAt } from "./segments";

const segment = (n: number, text = `s${n}`): Segment => ({ n, start: n * 5, end: n * 5 + 4, text });
const texts = (segments: Segment[]) => segments.map((each) => each.text);

it("appends new segments", () => {
  expect(texts(mergeSegments([segment(0), segment(1)], [segment(2)]))).toEqual(["s0", "s1", "s2"]);
});

it("replaces a segment that came again, and adds none twice", () => {
  expect(texts(mergeSegments([segment(0), segment(1)], [segment(1, "longer"), segment(2)]))).toEqual(["s0", "longer", "s2"]);
});

it("puts segments of a window that ended late in their place", () => {
  expect(texts(mergeSegments([segment(0), segment(5)], [segment(2), segment(1)]))).toEqual(["s0", "s1", "s2", "s5"]);
});

it("finds the segment of a moment, also in the pause behind it", () => {
  const segments = [segment(0), segment(1), segment(2)];
  expect(segmentAt(segments, 5)).toBe(1);
  expect(segmentAt(segments, 9.8)).toBe(1);
  expect(segmentAt(segments, 1e6)).toBe(2);
  expect(segmentAt([segment(3)], 2)).toBe(-1);
  expect(segmentAt([], 2)).toBe(-1);
});
