import { expect, it } from "vitest";
import { byMedia } from "./hits";
import { barHeights } from "./peaks";
import { bytes } from "./sizes";

it("shows sizes with the unit that fits", () => {
  expect([940, 1100, 24_500_000, 410_000_000, 1_730_000_000].map(bytes)).toEqual(["940 B", "1.1 kB", "24.5 MB", "410 MB", "1.7 GB"]);
});

it("keeps the loudest peak of each bar and scales to the loudest of all", () => {
  expect(barHeights([0.1, 0.5, 0.2, 0.25], 2)).toEqual([1, 0.5]);
  expect(barHeights([0.5], 3)).toEqual([1, 1, 1]);
  expect(barHeights([], 3)).toEqual([]);
});

it("does not blow the noise of a silent recording up", () => {
  expect(barHeights([0.001], 1)[0]).toBeCloseTo(0.02);
});

it("groups hits by recording in the order of their best hit", () => {
  const hit = (media: string, start: number) => ({ media, name: media, start, end: start, text: "", score: 1, segments: [] });
  expect(byMedia([hit("b", 1), hit("a", 2), hit("b", 3)]).map((group) => [group.media, group.hits.length])).toEqual([["b", 2], ["a", 1]]);
});
