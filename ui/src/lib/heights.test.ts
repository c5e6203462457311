import { describe, expect, it } from "vitest";
import { Heights } from "./heights";

function filled(count: number, height = 40): Heights {
  const heights = new Heights();
  heights.resize(count, () => height);
  return heights;
}

describe("heights of a long list", () => {
  it("adds up estimates", () => {
    const heights = filled(20_000);
    expect(heights.offset(20_000)).toBe(800_000);
    expect(heights.indexAt(0)).toBe(0);
    expect(heights.indexAt(39.9)).toBe(0);
    expect(heights.indexAt(40)).toBe(1);
    expect(heights.indexAt(1e9)).toBe(19_999);
  });

  it("moves the rows behind a measured one, and not those before it", () => {
    const heights = filled(10);
    expect(heights.offset(10)).toBe(400);
    expect(heights.measure(4, 100)).toBe(60);
    expect(heights.offset(4)).toBe(160);
    expect(heights.offset(5)).toBe(260);
    expect(heights.offset(10)).toBe(460);
    expect(heights.measure(4, 100)).toBe(0);
  });

  it("keeps what was measured when the list grows", () => {
    const heights = filled(3);
    heights.measure(1, 90);
    heights.resize(1000, () => 10);
    expect(heights.offset(3)).toBe(170);
    expect(heights.offset(1000)).toBe(170 + 997 * 10);
  });

  it("takes new estimates after a reset, and shrinks", () => {
    const heights = filled(5);
    heights.measure(0, 500);
    heights.reset(() => 20);
    expect(heights.offset(5)).toBe(100);
    heights.resize(2, () => 20);
    expect(heights.offset(2)).toBe(40);
    expect(heights.indexAt(90)).toBe(1);
  });

  it("ignores a row that is not there any more", () => {
    expect(filled(2).measure(7, 100)).toBe(0);
  });
});
