import type { Failure, Media } from "../api/types";
import type { MessageKey } from "../i18n/en";

export interface MediaState {
  tone: "ready" | "working" | "waiting" | "failed" | "idle";
  label: MessageKey;
  /** 0 to 1 while work is under way, else null. */
  progress: number | null;
  failure: Failure | null;
}

const STEPS: Record<string, MessageKey> = {
  queued: "step.queued",
  fetch: "step.fetch",
  prepare: "step.audio",
  probe: "step.probe",
  audio: "step.audio",
  waiting: "step.waiting",
  transcribe: "step.transcribe",
  no_space: "step.noSpace",
  twin: "step.twin",
  no_memory: "step.noMemory",
  finish: "step.finish",
  done: "step.done",
};

/** How a recording stands: its newest job decides, and where there is none its own status. */
export function mediaState(media: Media): MediaState {
  const job = media.job;
  const rest = { progress: null, failure: null };
  switch (job?.status) {
    case "queued":
      return { tone: "waiting", label: "step.queued", progress: job.progress, failure: null };
    case "running":
      return { tone: "working", label: STEPS[job.step ?? ""] ?? "status.processing", progress: job.progress, failure: null };
    case "paused":
      return { tone: "waiting", label: "status.paused", progress: job.progress, failure: null };
    case "failed":
      if (media.status === "ready") return { tone: "ready", label: "status.ready", progress: null, failure: job.error };
      return { tone: "failed", label: "status.failed", progress: null, failure: job.error };
    case "cancelled":
      if (media.status === "ready") return { tone: "ready", label: "status.ready", ...rest };
      return { tone: "idle", label: "status.cancelled", ...rest };
    case "completed":
      return { tone: "ready", label: "status.ready", ...rest };
    default:
      return { tone: media.status === "failed" ? "failed" : media.status === "ready" ? "ready" : "idle", label: `status.${media.status}`, ...rest };
  }
}

/** How far a recording has been listened to: a waveform can be asked for from `going on` on. */
export function hearing(media: Media): "waiting" | "going on" | "over" {
  if (media.status === "failed" || media.job === null) return media.duration === null ? "waiting" : "over";
  if (media.job.status === "completed") return "over";
  if (media.job.status !== "running") return "waiting";
  return media.job.step === "transcribe" || media.job.step === "finish" ? "going on" : "waiting";
}

/** What becomes of the part of a recording that has no text yet; null where there is none or nothing was begun. */
export function restOf(media: Media): "growing" | "paused" | "cancelled" | "failed" | "cut_off" | "not_fetched" | null {
  if (media.sha256 === null && !isUnderWay(media)) return "not_fetched";
  switch (media.job?.status) {
    case "queued":
    case "running":
      return "growing";
    case "paused":
    case "cancelled":
      return media.job.status;
    case "failed":
      return media.job.error?.code === "media_cut_off" ? "cut_off" : "failed";
    default:
      return null;
  }
}

/** Whether doing the same work again may end better; what is wrong with a file stays wrong. */
export function mayRetry(media: Media): boolean {
  return media.job?.status === "cancelled" || (media.job?.status === "failed" && !media.job.error?.code.startsWith("media_"));
}

/** Seconds until the transcription ends at its present pace, null while that cannot be said. */
export function remaining(media: Media): number | null {
  return media.job?.status === "running" ? (media.job.remaining_seconds ?? null) : null;
}

export function isUnderWay(media: Media): boolean {
  return media.job !== null && ["queued", "running", "paused"].includes(media.job.status);
}
