import { describe, expect, it } from "vitest";
import { clock, parseTime, percent } from "./time";

describe("times", () => {
  it("shows hours only where there are some", () => {
    expect(clock(65.9)).toBe("1:05");
    expect(clock(7265)).toBe("2:01:05");
    expect(clock(124_000)).toBe("34:26:40");
    expect(clock(Number.NaN)).toBe("0:00");
  });

  it("reads seconds and clock times, and nothing else", () => {
    expect(parseTime("83.5")).toBe(83.5);
    expect(parseTime("1:23")).toBe(83);
    expect(parseTime("1:01:23")).toBe(3683);
    for (const wrong of [null, "", "-5", "1e9", "abc", "1:2:3:4", "Infinity"]) expect(parseTime(wrong)).toBeNull();
  });

  it("says 100 % only when everything is done", () => {
    expect(percent(0.999)).toBe(99);
    expect(percent(0.29)).toBe(29);
    expect(percent(1)).toBe(100);
    expect(percent(7)).toBe(100);
  });
});
