/** As many bars as fit, each the loudest of its peaks; scaled so that a quiet recording can be seen, too. */
export function barHeights(peaks: readonly number[], count: number): number[] {
  if (peaks.length === 0) return [];
  const loudest = Math.max(0.05, peaks.reduce((most, peak) => Math.max(most, peak), 0));
  return Array.from({ length: count }, (_, bar) => {
    const from = Math.floor((bar * peaks.length) / count);
    const to = Math.max(from + 1, Math.floor(((bar + 1) * peaks.length) / count));
    let most = 0;
    for (let at = from; at < to; at++) most = Math.max(most, peaks[at] ?? 0);
    return Math.min(1, most / loudest);
  });
}
