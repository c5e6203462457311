import type { Coverage, JobStatus } from "../api/types";
import type { MessageKey } from "../i18n/en";
import type { Values } from "../i18n/messages";
import { clock } from "./time";

/** Why a part of one recording could not be read; a job that is completed now was not when the question was asked. */
const REASONS: Record<JobStatus, MessageKey> = {
  queued: "ask.coverage_running",
  running: "ask.coverage_running",
  paused: "ask.coverage_paused",
  cancelled: "ask.coverage_cancelled",
  failed: "ask.coverage_failed",
  completed: "ask.coverage_then",
};

/**
 * How much of what was asked an answer could read; null where that is not known.
 *
 * `job` is the newest job of the recording that was asked. For several recordings, or where there is no job, only what
 * was true when the question was asked can be said.
 */
export function coverageMessage(coverage: Coverage | null, job: JobStatus | null): { key: MessageKey; values: Values } | null {
  if (coverage === null || coverage.duration === null) return null;
  const total = clock(coverage.duration);
  if (coverage.complete) return { key: "ask.coverage_whole", values: { total } };
  const key = job === null ? "ask.coverage_then" : REASONS[job];
  return { key, values: { done: clock(coverage.transcribed ?? 0), total } };
}
