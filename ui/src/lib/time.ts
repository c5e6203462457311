/** Times are float seconds from the start of the media, as everywhere in VideoChat. */

function parts(seconds: number): { h: number; m: number; s: number } {
  const whole = Number.isFinite(seconds) && seconds > 0 ? Math.floor(seconds) : 0;
  return { h: Math.floor(whole / 3600), m: Math.floor((whole % 3600) / 60), s: whole % 60 };
}

const two = (value: number): string => String(value).padStart(2, "0");

/** `1:05`, and `2:01:05` from an hour on: every time in the page, as its player shows it. */
export function clock(seconds: number): string {
  const { h, m, s } = parts(seconds);
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** The seconds of a `?t=` parameter: `83`, `83.5`, `1:23` or `1:01:23`; null where it is no time. */
export function parseTime(text: string | null): number | null {
  if (text === null || !/^\d+(:\d{1,2}){0,2}(\.\d+)?$/.test(text)) return null;
  return text.split(":").reduce((total, part) => total * 60 + Number(part), 0);
}

/** The whole percent of a progress between 0 and 1; 100 only when it is really whole. */
export function percent(progress: number): number {
  return Math.max(0, Math.min(100, Math.floor(progress * 100 + 1e-9)));
}
