import type { Failure } from "../api/types";
import { remember, recall } from "../lib/memory";
import { en, type Dictionary, type MessageKey } from "./en";
import { failuresZh } from "./failures";
import { fill, preferred, type Language, type Values } from "./messages";
import { zh } from "./zh";

const DICTIONARIES: Record<Language, Dictionary> = { en, zh };

class I18n {
  language = $state<Language>(preferred(recall("language"), globalThis.navigator?.languages ?? []));
  locale = $derived(this.language === "zh" ? "zh-CN" : "en");

  /** The text of a message in the chosen language. */
  t = (key: MessageKey, values: Values = {}): string => fill(DICTIONARIES[this.language][key], values);

  /** The text of a message that depends on a number (`…_one`, `…_other`). */
  count = (key: "search.hits" | "upload.tray", count: number): string => {
    const form = new Intl.PluralRules(this.locale).select(count) === "one" ? "one" : "other";
    return this.t(`${key}_${form}`, { count });
  };

  /** Why something failed: in English, and where its code is not known, the service's own words. */
  failure = ({ code, message }: Failure): string => {
    const known = this.language === "zh" ? failuresZh[code] : undefined;
    return known === undefined ? message : fill(known, { message });
  };

  date(iso: string): string {
    const options: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" };
    return new Intl.DateTimeFormat(this.locale, options).format(new Date(iso));
  }

  day(iso: string): string {
    return new Intl.DateTimeFormat(this.locale, { day: "numeric", month: "short", year: "numeric" }).format(new Date(iso));
  }

  /** The name of a month (`2026-11`). */
  month(month: string): string {
    return new Intl.DateTimeFormat(this.locale, { month: "long", year: "numeric", timeZone: "UTC" }).format(new Date(`${month}-01T00:00:00Z`));
  }

  /** A wait for people: `in 12 minutes (14:32)`; the clock only where it is more than a minute. */
  wait(seconds: number, now = Date.now()): string {
    const [count, unit] = seconds < 90 ? ([Math.max(1, Math.ceil(seconds)), "second"] as const) : ([Math.ceil(seconds / 60), "minute"] as const);
    const wait = new Intl.RelativeTimeFormat(this.locale).format(count, unit);
    if (unit === "second") return wait;
    const clock = new Intl.DateTimeFormat(this.locale, { hour: "2-digit", minute: "2-digit" }).format(now + seconds * 1000);
    return this.t("time.wait", { wait, clock });
  }

  number(value: number): string {
    return new Intl.NumberFormat(this.locale, { maximumFractionDigits: 1 }).format(value);
  }

  /** The name of a language code in the language of the page: `en` is “English”, “英语”. */
  languageName(code: string): string {
    return new Intl.DisplayNames([this.locale], { type: "language", fallback: "code" }).of(code) ?? code;
  }

  toggle(): void {
    this.language = this.language === "zh" ? "en" : "zh";
    remember("language", this.language);
  }
}

export const i18n = new I18n();
export const t = i18n.t;
