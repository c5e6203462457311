export interface Run {
  text: string;
  marked: boolean;
}

const ENTITIES: Record<string, string> = { lt: "<", gt: ">", amp: "&", quot: '"', "#39": "'", "#x27": "'", apos: "'" };

function unescape(text: string): string {
  return text.replace(/&(lt|gt|amp|quot|apos|#39|#x27);/g, (_, name: string) => ENTITIES[name] ?? "");
}

/**
 * Split the text of a search hit into marked and unmarked runs.
 *
 * The service escapes everything but `<mark>`; the runs are rendered as text nodes, so that even a hit that was
 * not escaped could never become markup.
 */
export function markedRuns(html: string): Run[] {
  const runs: Run[] = [];
  let marked = false;
  for (const piece of html.split(/(<\/?mark>)/)) {
    if (piece === "<mark>") marked = true;
    else if (piece === "</mark>") marked = false;
    else if (piece !== "") runs.push({ text: unescape(piece), marked });
  }
  return runs;
}

/** Words to mark, and the numbers of the segments in which to mark them. */
export interface Marks {
  words: readonly string[];
  segments: ReadonlySet<number>;
}

/** The different words that are marked in some hits, in small letters. */
export function markedWords(hits: readonly string[]): string[] {
  return [...new Set(hits.flatMap(markedRuns).filter((run) => run.marked).map((run) => run.text.toLowerCase()))];
}

/** Split a text at these words; words of letters are only found as a whole, Chinese ones anywhere. */
export function wordRuns(text: string, words: readonly string[]): Run[] {
  if (words.length === 0) return [{ text, marked: false }];
  const pattern = new RegExp(`(${words.map(wholeWord).sort((a, b) => b.length - a.length).join("|")})`, "giu");
  return text.split(pattern).map((piece, at) => ({ text: piece, marked: at % 2 === 1 })).filter((run) => run.text !== "");
}

function wholeWord(word: string): string {
  const escaped = word.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
  const spaced = /^[\p{L}\p{N}]/u.test(word) && !/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u.test(word);
  return spaced ? `(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])` : escaped;
}
