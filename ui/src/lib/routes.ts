import { parseTime } from "./time";

export type Route =
  | { page: "library" }
  | { page: "media"; id: string; time: number | null }
  | { page: "search"; query: string }
  | { page: "ops" | "account" | "users" | "shared" }
  | { page: "unknown" };

/** The page that an address (path and query) asks for. */
export function parseRoute(path: string, query: URLSearchParams): Route {
  if (path === "/" || path === "") return { page: "library" };
  if (path === "/search") return { page: "search", query: query.get("q") ?? "" };
  const plain = /^\/(ops|account|users|shared)\/?$/.exec(path)?.[1];
  if (plain !== undefined) return { page: plain as "ops" | "account" | "users" | "shared" };
  const id = /^\/media\/([^/]+)\/?$/.exec(path)?.[1];
  const decoded = id === undefined ? null : decode(id);
  return decoded === null ? { page: "unknown" } : { page: "media", id: decoded, time: parseTime(query.get("t")) };
}

export function mediaPath(id: string, time?: number | null): string {
  const path = `/media/${encodeURIComponent(id)}`;
  return time === undefined || time === null ? path : `${path}?t=${Math.round(time * 100) / 100}`;
}

export function searchPath(query: string): string {
  return `/search?q=${encodeURIComponent(query)}`;
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
