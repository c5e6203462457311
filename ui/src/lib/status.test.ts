import { expect, it } from "vitest";
import type { Job, Media } from "../api/types";
import { hearing, isUnderWay, mayRetry, mediaState, restOf } from "./status";

function media(job: Partial<Job> | null, more: Partial<Media> = {}): Media {
  const whole = job && { id: "j", kind: "transcription", media_id: "m", status: "running", progress: 0.5, step: "transcribe", error: null, created_at: "", started_at: null, finished_at: null, ...job };
  return { id: "m", name: "n", kind: "video", mime: null, size: 1, sha256: "0", duration: 9, status: "stored", created_at: "", mine: true, job: whole as Job | null, ...more };
}

it("says what a running job does and how far it is", () => {
  expect(mediaState(media({ step: "audio", progress: 0.1 }))).toMatchObject({ tone: "working", label: "step.audio", progress: 0.1 });
});

it("has a word for a step that it does not know", () => {
  expect(mediaState(media({ step: "diarise" })).label).toBe("status.processing");
});

it("gives the reason of a failure", () => {
  const failed = media({ status: "failed", error: { code: "x", message: "No sound." } });
  expect(mediaState(failed)).toMatchObject({ tone: "failed", failure: { code: "x", message: "No sound." }, progress: null });
});

it("falls back to the recording's own status where there is no job", () => {
  expect(mediaState(media(null, { status: "ready" })).tone).toBe("ready");
  expect(mediaState(media(null, { status: "failed" })).tone).toBe("failed");
});

it("counts a paused job as under way, a cancelled one not", () => {
  expect(isUnderWay(media({ status: "paused" }))).toBe(true);
  expect(isUnderWay(media({ status: "cancelled" }))).toBe(false);
});

it("promises more text only while somebody works at it", () => {
  expect((["queued", "running", "paused", "cancelled", "failed", "completed"] as const).map((status) => restOf(media({ status })))).toEqual(["growing", "growing", "paused", "cancelled", "failed", null]);
  expect(restOf(media(null))).toBe(null);
  expect(restOf(media({ status: "failed", error: { code: "media_cut_off", message: "" } }))).toBe("cut_off");
});

it("expects a waveform only once the sound is being heard", () => {
  expect(hearing(media({ step: "prepare" }))).toBe("waiting");
  expect(hearing(media({ step: "transcribe" }))).toBe("going on");
  expect(hearing(media({ status: "completed" }))).toBe("over");
  expect(hearing(media({ status: "failed" }, { status: "failed", duration: null }))).toBe("waiting");
});

it("offers to try again only what may end better", () => {
  const failed = (code: string) => mayRetry(media({ status: "failed", error: { code, message: "" } }));
  expect([failed("engine_crashed"), failed("media_cut_off"), failed("media_no_audio")]).toEqual([true, false, false]);
  expect([mayRetry(media({ status: "cancelled" })), mayRetry(media({ status: "running" }))]).toEqual([true, false]);
});

it("keeps a finished recording ready when a later attempt comes to nothing", () => {
  const failed = { ...media({ status: "failed", error: { code: "unsupported", message: "No German." } }), status: "ready" as const };
  expect(mediaState(failed)).toEqual({ tone: "ready", label: "status.ready", progress: null, failure: { code: "unsupported", message: "No German." } });
});
