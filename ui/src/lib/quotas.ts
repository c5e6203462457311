import type { Quota, Usage } from "../api/types";

export type QuotaName = keyof Quota;
export const QUOTAS: readonly QuotaName[] = ["storage_bytes", "audio_minutes", "tokens"];
const GIGABYTE = 1e9;

export interface Bar {
  used: number;
  limit: number | null;
  /** 0 to 1, null where there is no limit. */
  share: number | null;
  tone: "calm" | "near" | "over";
}

const NEAR = 0.8;

/** How much of a limit is used. */
export function barOf(usage: Usage, name: QuotaName): Bar {
  const used = usage[name];
  const limit = usage.limits[name];
  if (limit === null) return { used, limit, share: null, tone: "calm" };
  const share = limit === 0 ? 1 : Math.min(1, used / limit);
  return { used, limit, share, tone: share >= 1 ? "over" : share >= NEAR ? "near" : "calm" };
}

/** A limit as it is typed: storage in gigabytes, nothing typed where there is none. */
export function typedOf(quota: Quota, name: QuotaName): number | null {
  const value = quota[name];
  return value === null ? null : name === "storage_bytes" ? value / GIGABYTE : value;
}

/** What was typed as limits. */
export function quotaOf(typed: Record<QuotaName, number | null>): Quota {
  const { storage_bytes, audio_minutes, tokens } = typed;
  return {
    storage_bytes: storage_bytes === null ? null : Math.round(storage_bytes * GIGABYTE),
    audio_minutes,
    tokens: tokens === null ? null : Math.round(tokens),
  };
}
