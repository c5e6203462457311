import type { MessageKey } from "../i18n/en";

/** What the service refuses about accounts, in the language of the page; other refusals keep the service's own words. */
const REASONS: Record<string, MessageKey> = {
  wrong_credentials: "reason.wrong_credentials",
  bad_key: "reason.bad_key",
  bad_link: "reason.bad_link",
  weak_password: "reason.weak_password",
  name_taken: "reason.name_taken",
  last_admin: "reason.last_admin",
  unknown_user: "reason.unknown_user",
  not_permitted: "reason.not_permitted",
  not_owner: "reason.not_owner",
  too_many_keys: "reason.too_many_keys",
  unauthenticated: "reason.unauthenticated",
  quota_storage_bytes: "reason.quota_storage_bytes",
  quota_audio_minutes: "reason.quota_audio_minutes",
  quota_tokens: "reason.quota_tokens",
};

export function reasonOf(code: string): MessageKey | null {
  return REASONS[code] ?? null;
}
