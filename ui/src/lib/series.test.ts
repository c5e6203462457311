import { expect, it } from "vitest";
import type { Moment } from "../api/types";
import { cacheLines, hitRate, line, machineLines, megabytes, milliseconds, percent, rising, short, spent, total } from "./series";

const moment = (at: number, change: Partial<Moment> = {}): Moment => ({
  at,
  requests_per_second: 1,
  errors_per_second: 0,
  latency_p50: null,
  latency_p95: null,
  provider_requests_per_second: 0,
  provider_errors_per_second: 0,
  provider_p50: null,
  provider_p95: null,
  upload_bytes_per_second: 0,
  audio_seconds_per_second: 0,
  windows_per_second: 0,
  cache_hits: {},
  cache_lookups: 0,
  cache_hit_rate: null,
  jobs: {},
  answers: {},
  tokens: {},
  uploads: 0,
  streams: 0,
  waiting: 0,
  running: 0,
  workers: 1,
  cost_usd: 0,
  machines: {},
  network: {},
  ...change,
});

it("draws a gap where there is no number", () => {
  const moments = [moment(1, { latency_p95: 0.25 }), moment(2)];
  expect(line("p95", moments, (one) => milliseconds(one.latency_p95))).toEqual({ label: "p95", points: [{ x: 1000, y: 250 }, { x: 2000, y: null }] });
});

it("draws a line for each machine and resource, named by the machine only where there are several", () => {
  const name = (host: string, resource: string, several: boolean) => (several ? `${host} ${resource}` : resource);
  const one = [moment(1, { machines: { a: { memory: 0.5, cpu: 0.25 } } })];
  expect(machineLines(one, name).map((each) => [each.label, each.points[0]?.y])).toEqual([["cpu", 25], ["memory", 50]]);
  const two = [...one, moment(2, { machines: { b: { cpu: 1 } } })];
  expect(machineLines(two, name).map((each) => [each.label, each.points.map((point) => point.y)])).toEqual([
    ["a cpu", [25, null]],
    ["a memory", [50, null]],
    ["b cpu", [null, 100]],
  ]);
});

it("adds up what was counted", () => {
  const moments = [moment(1, { jobs: { completed: 2, failed: 1 } }), moment(2, { jobs: { completed: 3 } })];
  expect(total(moments, (one) => one.jobs, "completed")).toBe(5);
  expect(total(moments, (one) => one.jobs, "failed", "cancelled")).toBe(1);
});

it("rises with what was counted, and stays where nothing was", () => {
  const moments = [moment(1, { jobs: { completed: 2 } }), moment(2), moment(3, { jobs: { completed: 1, failed: 1 } })];
  const { points } = rising("Failed", moments, (one) => one.jobs.failed);
  expect(points.map((point) => point.y)).toEqual([0, 0, 1]);
  expect(rising("Completed", moments, (one) => one.jobs.completed).points.map((point) => point.y)).toEqual([2, 2, 3]);
});

it("tells what each level of the cache found, one above the other", () => {
  const name = (level: string) => level;
  const moments = [
    moment(1, { cache_lookups: 4, cache_hits: { memory: 2 }, cache_hit_rate: 0.5 }),
    moment(2, { cache_lookups: 4, cache_hits: { memory: 1, redis: 2 }, cache_hit_rate: 0.75 }),
    moment(3),
  ];
  expect(cacheLines(moments, name).map((each) => [each.label, each.points.map((point) => point.y)])).toEqual([
    ["memory", [50, 25, null]],
    ["redis", [0, 50, null]],
  ]);
  expect(hitRate(moments)).toBe(5 / 8);
  expect(hitRate([moment(1)])).toBeUndefined();
});

it("shortens numbers and knows no number", () => {
  expect([short(1_234_567, "en"), short(0.125, "en"), percent(undefined), milliseconds(null)]).toEqual(["1.2M", "0.13", undefined, null]);
  expect([short(0.00164, "en"), short(0, "en"), short(1.234, "en")]).toEqual(["0.0016", "0", "1.23"]);
});

it("adds what was spent, exactly where it is little", () => {
  expect(spent([moment(1, { cost_usd: 0.00025 }), moment(1, { cost_usd: 0.001 })], "en")).toBe("$0.0013");
  expect(spent([moment(1, { cost_usd: 12.345 })], "en")).toBe("$12.35");
  expect(spent([], "en")).toBe("$0.00");
});

it("adds what all machines received", () => {
  const two = moment(1, { network: { a: { received: 1e6, sent: 5e5 }, b: { received: 2e6 } } });
  expect(megabytes(two, "received")).toBe(3);
  expect(megabytes(two, "sent")).toBe(0.5);
});
