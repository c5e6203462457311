export type Language = "en" | "zh";
export type Values = Record<string, string | number>;

/** Put values into the places of a message: `{name}` becomes `values.name`. */
export function fill(message: string, values: Values): string {
  return message.replace(/\{(\w+)\}/g, (place, name: string) => (name in values ? String(values[name]) : place));
}

/** The remembered language, else the first of the browser's languages that the page speaks, else English. */
export function preferred(remembered: string | null, browser: readonly string[]): Language {
  for (const wish of [remembered ?? "", ...browser]) {
    const language = wish.toLowerCase().split("-")[0];
    if (language === "en" || language === "zh") return language;
  }
  return "en";
}
