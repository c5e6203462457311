/** The API's values, named as in the contract. */

export type JobStatus = "queued" | "running" | "paused" | "completed" | "failed" | "cancelled";
export type JobStep = "queued" | "fetch" | "prepare" | "probe" | "audio" | "waiting" | "transcribe" | "finish" | "done";

export interface Failure {
  code: string;
  message: string;
}

export interface Job {
  id: string;
  kind: string;
  media_id: string;
  /** Where the recording is fetched from first. */
  link?: string | null;
  status: JobStatus;
  progress: number;
  step: JobStep | (string & {}) | null;
  error: Failure | null;
  created_at: string;
  /** Seconds until it ends at its present pace, null while that cannot be said. */
  remaining_seconds?: number | null;
  started_at: string | null;
  finished_at: string | null;
}

export interface Media {
  id: string;
  name: string;
  kind: "video" | "audio" | "unknown";
  mime: string | null;
  size: number;
  /** Null while its content is being fetched from a link. */
  sha256: string | null;
  duration: number | null;
  status: "expected" | "stored" | "processing" | "ready" | "failed";
  created_at: string;
  /** False for what somebody else lets one read. */
  mine: boolean;
  job: Job | null;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Segment {
  n: number;
  start: number;
  end: number;
  text: string;
  speaker?: string | null;
  confidence?: number | null;
}

export interface TranscriptPage {
  segments: Segment[];
  next: string | null;
  status: "none" | "partial" | "complete" | "failed";
  engine: string | null;
  model: string | null;
  language: string | null;
  basic: boolean;
}

export interface Waveform {
  peaks: number[];
  duration: number;
}

export interface Hit {
  media: string;
  name: string;
  start: number;
  end: number;
  text: string;
  score: number;
  segments: number[];
}

export interface Citation {
  n: number;
  media_id: string;
  name?: string | null;
  start: number;
  end: number;
  quote: string;
  check: "verified" | "approximate";
}

export interface Coverage {
  media: number | string[] | null;
  duration: number | null;
  transcribed: number | null;
  complete: boolean;
  passages: number | null;
}

export type AnswerStatus = "running" | "completed" | "failed" | "cancelled";

export interface Answer {
  id: string;
  conversation: string;
  question: string;
  created_at: string;
  status: AnswerStatus;
  text: string;
  citations: Citation[];
  coverage: Coverage | null;
  provider: string | null;
  model: string | null;
  error: Failure | null;
}

/** A series of questions; its title is the first of them. */
export interface ConversationTitle {
  id: string;
  title: string;
  created_at: string;
}

export interface StoredConversation extends ConversationTitle {
  answers: Answer[];
}

export interface System {
  version: string;
  engine: { name: string; model: string | null; language: string | null; basic: boolean; hint_code: "basic" | "model_missing" | "unusable" | null; better: Record<string, string> | null };
  provider: { name: string; model: string | null };
  limits: { max_upload_bytes: number | null };
  formats: string[];
}

export interface SegmentsEvent {
  job_id: string;
  media_id: string;
  from: number;
  to: number;
}

export interface MediaEvent {
  id: string;
  action: "created" | "deleted" | "changed";
}

/** How the installation was in a span of seconds that ended then (Unix time). */
export interface Moment {
  at: number;
  requests_per_second: number;
  errors_per_second: number;
  latency_p50: number | null;
  latency_p95: number | null;
  provider_requests_per_second: number;
  provider_errors_per_second: number;
  provider_p50: number | null;
  provider_p95: number | null;
  upload_bytes_per_second: number;
  audio_seconds_per_second: number;
  windows_per_second: number;
  cache_hits: Record<string, number>;
  cache_lookups: number;
  cache_hit_rate: number | null;
  jobs: Record<string, number>;
  answers: Record<string, number>;
  tokens: Record<string, number>;
  streams: number;
  uploads: number;
  waiting: number;
  running: number;
  workers: number;
  cost_usd: number;
  machines: Record<string, Record<string, number>>;
  network: Record<string, Record<string, number>>;
}

export interface Lease {
  job_id: string;
  media_id: string;
  kind: "decode" | "window" | "finish";
  n: number;
  tries: number;
}

export interface Worker {
  id: string;
  host: string;
  pid: number;
  beat_at: string;
  alive: boolean;
  leases: Lease[];
}

export interface Resources {
  processes: { process: string; started_at: string; at: string; memory_bytes: number; cpu_seconds: number; handles: number; tasks: number }[];
  machines: Record<string, Record<string, number>>;
  network_bytes_per_second: Record<string, Record<string, number>>;
  disk_free_bytes: Record<string, number>;
}

/** What is not valid and therefore not in force: a setting that was changed, or (null) all that files and environment say. */
export interface Refused {
  name: string | null;
  message: string;
}

export interface Setting {
  name: string;
  value: unknown;
  is_set: boolean;
  source: "default" | "configured" | "changed";
  reloadable: boolean;
  secret: boolean;
  description: string;
  form: Record<string, unknown>;
  changed_at: string | null;
  changed_by: string | null;
}

export interface Alert {
  name: string;
  severity: "info" | "warning" | "critical";
  message: string;
  expression: string;
  status: "ok" | "pending" | "firing";
  since: string | null;
  value: number | null;
  silenced_until: string | null;
  acknowledged_by: string | null;
}

/** What became of a test message to one destination. */
export interface Notification {
  destination: string;
  sent: boolean;
  reason: string | null;
}

export interface AlertEvent {
  rule: string;
  at: string;
  event: "firing" | "resolved" | "silenced" | "acknowledged" | `${"sending" | "told" | "untold"}_${"firing" | "resolved"}`;
  value: number | null;
  by: string | null;
}

export interface LogLine {
  timestamp: string;
  level: string;
  event: string;
  [name: string]: unknown;
}

export type Permission = "read" | "ask" | "write" | "operate";
export type Role = "admin" | "member" | "viewer";

/** The most that an account may keep, or use in a month; null where there is no limit of its own. */
export interface Quota {
  storage_bytes: number | null;
  audio_minutes: number | null;
  tokens: number | null;
}

export interface User {
  id: string;
  name: string;
  role: Role;
  disabled: boolean;
  has_password: boolean;
  created_at: string;
  quotas: Quota;
}

/** Who asks, and how one signs in here. */
export interface Session {
  mode: "none" | "keys" | "users" | "oidc";
  /** False while there is no account with which one could sign in. */
  ready: boolean;
  kind: "local" | "session" | "key" | "link" | null;
  user: User | null;
  permissions: Permission[];
  /** Recordings that a link lends. */
  media: string[];
}

export interface Usage extends Record<keyof Quota, number> {
  month: string;
  limits: Quota;
}

export interface OpenSession {
  id: string;
  current: boolean;
  created_at: string;
  seen_at: string;
  expires_at: string;
  address: string;
  agent: string;
}

export interface Key {
  id: string;
  user_id: string;
  name: string;
  prefix: string;
  scopes: Permission[];
  created_at: string;
  expires_at: string | null;
  used_at: string | null;
}

export interface NewKey extends Key {
  /** It is shown this once. */
  key: string;
}

export interface Reader {
  id: string;
  name: string;
}

export interface Link {
  id: string;
  prefix: string;
  created_at: string;
  expires_at: string;
}

export interface NewLink extends Link {
  /** What follows the service's address; it is shown this once. */
  path: string;
}

export interface AuditEntry {
  id: number;
  at: string;
  actor: string;
  action: string;
  target: string;
  outcome: string;
  address: string;
  request_id: string | null;
}
