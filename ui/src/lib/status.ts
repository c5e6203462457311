import type { Media } from "../api/types";
import type { MessageKey } from "../i18n/en";

export interface MediaState {
  tone: "ready" | "working" | "waiting" | "failed" | "idle";
  label: MessageKey;
  /** 0 to 1 while work is under way, else null. */
  progress: number | null;
  reason: string | null;
}

const STEPS: Record<string, MessageKey> = {
  queued: "step.queued",
  prepare: "step.audio",
  probe: "step.probe",
  audio: "step.audio",
  transcribe: "step.transcribe",
  finish: "step.finish",
  done: "step.done",
};

/** How a recording stands: its newest job decides, and where there is none its own status. */
export function mediaState(media: Media): MediaState {
  const job = media.job;
  const rest = { progress: null, reason: null };
  switch (job?.status) {
    case "queued":
      return { tone: "waiting", label: "step.queued", progress: job.progress, reason: null };
    case "running":
      return { tone: "working", label: STEPS[job.step ?? ""] ?? "status.processing", progress: job.progress, reason: null };
    case "paused":
      return { tone: "waiting", label: "status.paused", progress: job.progress, reason: null };
    case "failed":
      return { tone: "failed", label: "status.failed", progress: null, reason: job.error?.message ?? null };
    case "cancelled":
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

export function isUnderWay(media: Media): boolean {
  return media.job !== null && ["queued", "running", "paused"].includes(media.job.status);
}
