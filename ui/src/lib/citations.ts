export type AnswerRun = { kind: "text"; text: string } | { kind: "citation"; n: number };

const NO_BREAK = "\u00a0"; // a marker stays on the line of the word before it

/**
 * Split an answer into text and citation markers (`[1]`, `[1, 2]`, `[1][2]`).
 *
 * Items of a list, which models and we write with a hyphen, get a bullet.
 * A marker that is still arriving (`… [1`) is held back, so that it does not flicker while the answer streams.
 */
export function answerRuns(text: string, streaming = false): AnswerRun[] {
  const whole = streaming ? text.replace(/\[[\d,，\s]*$/, "") : text;
  const shown = whole.replace(/^[-*] /gm, "• ").replace(/\n\n(?=• )/g, "\n");
  const runs: AnswerRun[] = [];
  for (const piece of shown.split(/(\[\d{1,3}(?:\s*[,，]\s*\d{1,3})*\])/)) {
    if (/^\[\d/.test(piece) && piece.endsWith("]")) {
      for (const n of piece.match(/\d+/g) ?? []) runs.push({ kind: "citation", n: Number(n) });
    } else if (piece !== "") runs.push({ kind: "text", text: piece });
  }
  return runs.map((run, at) => (run.kind === "text" && runs[at + 1] ? { ...run, text: run.text.replace(/ +$/, NO_BREAK) } : run));
}
