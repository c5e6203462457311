import type { Moment } from "../api/types";

export interface Line {
  label: string;
  points: { x: number; y: number | null }[];
}

/** One line over the moments; where there is no number the line has a gap. */
export function line(label: string, moments: readonly Moment[], value: (moment: Moment) => number | null | undefined): Line {
  return { label, points: moments.map((moment) => ({ x: moment.at * 1000, y: value(moment) ?? null })) };
}

/** One line that rises with each thing that is counted: what is rare is seen so, which would be a single peak in a rate. */
export function rising(label: string, moments: readonly Moment[], count: (moment: Moment) => number | undefined): Line {
  let sum = 0;
  return line(label, moments, (moment) => (sum += count(moment) ?? 0));
}

/** One line for each machine and resource that any moment tells of, in the order of their names. */
export function machineLines(moments: readonly Moment[], name: (host: string, resource: string, several: boolean) => string): Line[] {
  const found = new Map<string, Set<string>>();
  for (const moment of moments) {
    for (const [host, shares] of Object.entries(moment.machines)) {
      const known = found.get(host) ?? new Set();
      for (const resource of Object.keys(shares)) known.add(resource);
      found.set(host, known);
    }
  }
  const several = found.size > 1;
  return [...found].sort().flatMap(([host, resources]) =>
    [...resources].sort().map((resource) => line(name(host, resource, several), moments, (moment) => percent(moment.machines[host]?.[resource]))),
  );
}

/** How many megabytes a second all machines together received (or sent). */
export function megabytes(moment: Moment, direction: "received" | "sent"): number {
  return Object.values(moment.network).reduce((sum, rates) => sum + (rates[direction] ?? 0), 0) / 1e6;
}

/** What was spent in all moments, in dollars, as exactly as so small a sum needs. */
export function spent(moments: readonly Moment[], locale: string): string {
  const dollars = moments.reduce((sum, one) => sum + one.cost_usd, 0);
  return new Intl.NumberFormat(locale, { style: "currency", currency: "USD", maximumFractionDigits: dollars < 1 ? 4 : 2 }).format(dollars);
}

/** One line for each level of the cache that found anything: the share, in percent, of what was looked for. */
export function cacheLines(moments: readonly Moment[], name: (level: string) => string): Line[] {
  const levels = new Set(["memory", ...moments.flatMap((moment) => Object.keys(moment.cache_hits))]);
  return [...levels].sort().map((level) =>
    line(name(level), moments, (one) => (one.cache_lookups > 0 ? percent((one.cache_hits[level] ?? 0) / one.cache_lookups) : null)),
  );
}

/** The share of all that was looked for that was found ready, nothing where nothing was looked for. */
export function hitRate(moments: readonly Moment[]): number | undefined {
  const looked = moments.reduce((sum, one) => sum + one.cache_lookups, 0);
  const found = moments.reduce((sum, one) => sum + Object.values(one.cache_hits).reduce((part, n) => part + n, 0), 0);
  return looked > 0 ? found / looked : undefined;
}

export const percent = (share: number | undefined): number | undefined => (share === undefined ? undefined : Math.round(share * 1000) / 10);
export const milliseconds = (seconds: number | null): number | null => (seconds === null ? null : Math.round(seconds * 10_000) / 10);

/** The sum of what was counted in all moments. */
export function total(moments: readonly Moment[], counts: (moment: Moment) => Record<string, number>, ...names: string[]): number {
  return moments.reduce((sum, moment) => sum + names.reduce((part, name) => part + (counts(moment)[name] ?? 0), 0), 0);
}

/** A number as short as people read it: 1234567 is “1.2M”, and 0.00164 is not nothing. */
export function short(value: number, locale: string): string {
  const digits = value < 1 ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: value < 10 ? 2 : 1 };
  return new Intl.NumberFormat(locale, { notation: "compact", ...digits }).format(value);
}
