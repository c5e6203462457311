import { expect, it } from "vitest";
import type { Coverage, JobStatus } from "../api/types";
import { coverageMessage } from "./coverage";

const part: Coverage = { media: 1, duration: 600, transcribed: 83, complete: false, passages: 3 };
const key = (job: JobStatus | null, coverage = part) => coverageMessage(coverage, job)?.key;

it("says how much was read and why not everything", () => {
  expect(coverageMessage(part, "running")).toEqual({ key: "ask.coverage_running", values: { done: "1:23", total: "10:00" } });
  expect(key("queued")).toBe("ask.coverage_running");
  expect(key("paused")).toBe("ask.coverage_paused");
  expect(key("cancelled")).toBe("ask.coverage_cancelled");
  expect(key("failed")).toBe("ask.coverage_failed");
});

it("claims nothing about the present where only the past is known", () => {
  expect([key("completed"), key(null)]).toEqual(["ask.coverage_then", "ask.coverage_then"]);
});

it("says that everything was read however the job stands now", () => {
  expect(key("running", { ...part, complete: true })).toBe("ask.coverage_whole");
});

it("says nothing where the length is unknown", () => {
  expect([coverageMessage(null, "running"), coverageMessage({ ...part, duration: null }, "running")]).toEqual([null, null]);
});
