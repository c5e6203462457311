import { request } from "./client";
import type { Alert, AlertEvent, Answer, ConversationTitle, Hit, Job, LogLine, Media, Moment, Notification, Page, Refused, Resources, Setting, StoredConversation, System, TranscriptPage, Waveform, Worker } from "./types";

const id = encodeURIComponent;

export function query(parameters: Record<string, string | number | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}

export const getSystem = () => request<System>("GET", "/api/system");

/** One's own recordings, or those that others let one read. */
export const listMedia = (shared: boolean, cursor: string | null, limit: number) =>
  request<Page<Media>>("GET", `/api/media${query({ shared: shared ? "true" : null, cursor, limit })}`);
export const importLink = (url: string) => request<Job>("POST", "/api/media/import", { json: { url } });
export const getMedia = (media: string) => request<Media>("GET", `/api/media/${id(media)}`);
export const renameMedia = (media: string, name: string) =>
  request<Media>("PATCH", `/api/media/${id(media)}`, { json: { name } });
export const deleteMedia = (media: string) => request<void>("DELETE", `/api/media/${id(media)}`);
export const contentUrl = (media: string) => `/api/media/${id(media)}/content`;

export const getTranscript = (media: string, where: { since?: number; cursor?: string; limit?: number }, signal?: AbortSignal) =>
  request<TranscriptPage>("GET", `/api/media/${id(media)}/transcript${query(where)}`, signal ? { signal } : {});
export const exportUrl = (media: string, format: string) => `/api/media/${id(media)}/transcript${query({ format })}`;
export const getWaveform = (media: string) => request<Waveform>("GET", `/api/media/${id(media)}/waveform`);

export type JobAction = "cancel" | "retry" | "pause" | "resume";
export const changeJob = (job: string, action: JobAction) => request<Job>("POST", `/api/jobs/${id(job)}/${action}`);

export const search = (q: string, media: string | null, limit: number, signal: AbortSignal) =>
  request<Page<Hit>>("GET", `/api/search${query({ q, media, limit })}`, { signal });

export const ask = (question: string, media: string[] | null, conversation: string | null) =>
  request<Answer>("POST", "/api/answers", { json: conversation === null ? { question, media } : { question, media, conversation } });
export const getAnswer = (answer: string) => request<Answer>("GET", `/api/answers/${id(answer)}`);
export const cancelAnswer = (answer: string) => request<Answer>("POST", `/api/answers/${id(answer)}/cancel`);
/** The newest conversations about a recording, or about all of them. */
export const listConversations = (media: string | null, limit: number) =>
  request<Page<ConversationTitle>>("GET", `/api/conversations${query({ media: media ?? "library", limit })}`);
export const getConversation = (conversation: string) => request<StoredConversation>("GET", `/api/conversations/${id(conversation)}`);
export const deleteConversation = (conversation: string) => request<void>("DELETE", `/api/conversations/${id(conversation)}`);
export const answerEventsUrl = (answer: string) => `/api/answers/${id(answer)}/events`;

export const getSummary = (minutes: number) => request<{ moments: Moment[] }>("GET", `/api/ops/metrics/summary${query({ minutes })}`);
export const getResources = () => request<Resources>("GET", "/api/ops/resources");
export const getWorkers = () => request<{ items: Worker[] }>("GET", "/api/ops/workers");
export const getSettings = () => request<{ items: Setting[]; waiting: string[]; refused: Refused[] }>("GET", "/api/ops/settings");
export const putSetting = (name: string, value: unknown) => request<Setting>("PUT", `/api/ops/settings/${id(name)}`, { json: { value } });
export const resetSetting = (name: string) => request<Setting>("DELETE", `/api/ops/settings/${id(name)}`);
export const getAlerts = () => request<{ items: Alert[]; destinations: string[]; history: AlertEvent[] }>("GET", "/api/ops/alerts");
export const testAlerts = () => request<{ items: Notification[] }>("POST", "/api/ops/alerts/test");
export const acknowledgeAlert = (name: string) => request<Alert>("POST", `/api/ops/alerts/${id(name)}/acknowledge`);
export const silenceAlert = (name: string, minutes: number) => request<Alert>("POST", `/api/ops/alerts/${id(name)}/silence`, { json: { minutes } });
export const getLogs = (where: { level: string; text: string; before: string | null; limit: number }, signal: AbortSignal) =>
  request<{ items: LogLine[]; before: string | null; complete: boolean }>("GET", `/api/ops/logs${query(where)}`, { signal });
