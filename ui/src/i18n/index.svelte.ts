import { remember, recall } from "../lib/memory";
import { en, type Dictionary, type MessageKey } from "./en";
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

  date(iso: string): string {
    const options: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" };
    return new Intl.DateTimeFormat(this.locale, options).format(new Date(iso));
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
