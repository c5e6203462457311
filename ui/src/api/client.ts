/** A request that failed: with the service's own words where it answered, status 0 where it could not be reached. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly requestId: string | null = null,
    /** Seconds after which it may be tried again, where the service says so. */
    readonly retryAfter: number | null = null,
  ) {
    super(detail || title);
    this.name = "ApiError";
  }

  get unreachable(): boolean {
    return this.status === 0;
  }

  /** Nobody is signed in (any more). */
  get signedOut(): boolean {
    return this.status === 401 && this.code === "unauthenticated";
  }

  /** May the same request succeed later? What the service refuses (415, 422, 413 …) it refuses again. */
  get retryable(): boolean {
    return this.status === 0 || this.signedOut || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

interface Problem {
  title?: unknown;
  detail?: unknown;
  code?: unknown;
  request_id?: unknown;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** Read a failed reply; anything that is not a problem+json (a proxy's HTML page, say) keeps only its status. */
export function problemOf(status: number, body: string, retryAfter: string | null = null): ApiError {
  let problem: Problem = {};
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === "object" && parsed !== null) problem = parsed;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const requestId = text(problem.request_id) || null;
  return new ApiError(status, text(problem.code) || `http_${status}`, text(problem.title), text(problem.detail), requestId, seconds(retryAfter));
}

function seconds(header: string | null): number | null {
  return header !== null && /^\d+$/.test(header) ? Number(header) : null; // a date is what proxies send, ours do not
}

let tellSignedOut: () => void = () => undefined;

/** Be told when the service no longer knows who asks: the session has ended, or was ended elsewhere. */
export function onSignedOut(listener: () => void): void {
  tellSignedOut = listener;
}

/** The failure that a reply is; whoever has to know that nobody is signed in is told. */
export function failureOf(status: number, body: string, retryAfter: string | null): ApiError {
  const failure = problemOf(status, body, retryAfter);
  if (failure.signedOut) tellSignedOut();
  return failure;
}

export function unreachable(): ApiError {
  return new ApiError(0, "unreachable", "", "");
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Ask the service; raises ApiError for every reply that is no success, and for none. */
export async function request<T>(method: string, path: string, options: { json?: unknown; signal?: AbortSignal } = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  const init: RequestInit = { method, headers };
  if (options.signal) init.signal = options.signal;
  if (options.json !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(options.json);
  }
  const response = await send(path, init);
  const body = await response.text();
  if (!response.ok) throw failureOf(response.status, body, response.headers.get("Retry-After"));
  return (body === "" ? undefined : JSON.parse(body)) as T;
}

async function send(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init);
  } catch (error) {
    if (error instanceof TypeError) throw unreachable(); // what fetch raises when no reply came
    throw error;
  }
}
