const LINE = 28;
const PADDING = 10;
const GUTTER = 110; // time stamp and margins
const LATIN = 8.1; // mean width of a letter at the size of the transcript
const WIDE = 17.5;
const LONGEST_LINE = 640;

/** About how high a segment will be: good enough that the list hardly shifts when it is measured. */
export function estimateHeight(text: string, width: number): number {
  let pixels = 0;
  for (let at = 0; at < text.length; at++) pixels += text.charCodeAt(at) >= 0x2e80 ? WIDE : LATIN;
  const line = Math.max(120, Math.min(LONGEST_LINE, width - GUTTER));
  return Math.max(1, Math.ceil(pixels / line)) * LINE + PADDING;
}
