import { afterEach, expect, it } from "vitest";
import { i18n } from "./index.svelte";

const NOON = new Date(2026, 10, 26, 12, 0).getTime();

afterEach(() => (i18n.language = "en"));

it("says how long to wait, from some minutes on also until when", () => {
  i18n.language = "en";
  expect(i18n.wait(7, NOON)).toBe("in 7 seconds");
  expect(i18n.wait(0, NOON)).toBe("in 1 second");
  expect(i18n.wait(14 * 60 + 5, NOON)).toMatch(/^in 15 minutes, at 12:14/);
  i18n.language = "zh";
  expect(i18n.wait(120, NOON)).toBe("2分钟后（12:02）");
});

it("names days and months in the language of the page", () => {
  i18n.language = "en";
  expect(i18n.month("2026-11")).toBe("November 2026");
  i18n.language = "zh";
  expect([i18n.month("2026-11"), i18n.day("2026-11-26T12:00:00Z")]).toEqual(["2026年11月", "2026年11月26日"]);
});
