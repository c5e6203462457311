import type { NewKey } from "../api/types";

/** A command that shows how a key is used, with something that it may do. */
export function curlExample(origin: string, { key, scopes }: Pick<NewKey, "key" | "scopes">): string {
  const authorization = `-H "Authorization: Bearer ${key}"`;
  if (scopes.includes("read")) return `curl ${authorization} ${origin}/api/media`;
  if (scopes.includes("write")) return `curl ${authorization} -T recording.mp4 -X POST "${origin}/api/media?name=recording.mp4"`;
  if (scopes.includes("operate")) return `curl ${authorization} ${origin}/metrics`;
  return `curl ${authorization} --json '{"question": "What was decided?"}' ${origin}/api/answers`;
}
