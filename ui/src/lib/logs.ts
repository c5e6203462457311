import type { LogLine } from "../api/types";

const SHOWN_APART = new Set(["timestamp", "level", "event", "request_id", "job", "process", "exception"]);

/** What else a line says: `status=200 ms=12.5`. */
export function details(line: LogLine): string {
  return Object.entries(line)
    .filter(([name, value]) => !SHOWN_APART.has(name) && value !== null && value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
}
