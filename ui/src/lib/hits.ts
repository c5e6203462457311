import type { Hit } from "../api/types";

export interface HitGroup {
  media: string;
  name: string;
  hits: Hit[];
}

/** The hits of each recording together, the recording with the best hit first. */
export function byMedia(hits: readonly Hit[]): HitGroup[] {
  const groups = new Map<string, HitGroup>();
  for (const hit of hits) {
    const group = groups.get(hit.media) ?? { media: hit.media, name: hit.name, hits: [] };
    group.hits.push(hit);
    groups.set(hit.media, group);
  }
  return [...groups.values()];
}
