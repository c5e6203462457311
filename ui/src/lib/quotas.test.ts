import { expect, it } from "vitest";
import { barOf, quotaOf, typedOf } from "./quotas";

const usage = (tokens: number, limit: number | null) => ({ month: "2026-11", storage_bytes: 0, audio_minutes: 0, tokens, limits: { storage_bytes: null, audio_minutes: null, tokens: limit } });

it("says how much of a limit is used, and how near it is", () => {
  expect(barOf(usage(10, null), "tokens")).toEqual({ used: 10, limit: null, share: null, tone: "calm" });
  expect(barOf(usage(10, 100), "tokens")).toMatchObject({ share: 0.1, tone: "calm" });
  expect(barOf(usage(80, 100), "tokens")).toMatchObject({ share: 0.8, tone: "near" });
  expect(barOf(usage(120, 100), "tokens")).toMatchObject({ share: 1, tone: "over" });
  expect(barOf(usage(0, 0), "tokens")).toMatchObject({ share: 1, tone: "over" }); // nothing may be used
});

it("lets storage be typed in gigabytes, and leaves out what is not limited", () => {
  const quota = { storage_bytes: 1_500_000_000, audio_minutes: 90, tokens: null };
  const typed = { storage_bytes: typedOf(quota, "storage_bytes"), audio_minutes: typedOf(quota, "audio_minutes"), tokens: typedOf(quota, "tokens") };
  expect(typed).toEqual({ storage_bytes: 1.5, audio_minutes: 90, tokens: null });
  expect(quotaOf(typed)).toEqual(quota);
});
