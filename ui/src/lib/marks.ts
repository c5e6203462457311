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
