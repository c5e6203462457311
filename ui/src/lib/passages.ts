import type { Citation } from "../api/types";

/**
 * The text of an answer without a language model, less the passages that the list of citations shows anyway.
 *
 * Such an answer is a sentence and one item for each passage, `- what was said [1]`. An item without a citation stays;
 * while the answer arrives, items wait for theirs.
 */
export function withoutPassages(text: string, citations: readonly Citation[], streaming: boolean): string {
  const shown = new Set(citations.map((citation) => citation.n));
  const [head = "", ...items] = text.split(/\n\n(?=- )/);
  const kept = streaming ? [] : items.filter((item) => !shown.has(Number(/\[(\d+)\]\s*$/.exec(item)?.[1] ?? 0)));
  return [head, ...kept].join("\n\n");
}
