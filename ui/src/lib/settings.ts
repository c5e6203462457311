import type { Setting } from "../api/types";

export type Control = { kind: "switch" } | { kind: "choice"; values: string[] } | { kind: "number" } | { kind: "secret" } | { kind: "text" };

interface Form {
  type?: string;
  enum?: unknown[];
  anyOf?: Form[];
}

/** How a setting is asked for. */
export function controlOf(setting: Setting): Control {
  if (setting.secret) return { kind: "secret" };
  const forms = alternatives(setting.form);
  const values = forms.find((form) => form.enum)?.enum;
  if (values) return { kind: "choice", values: values.map(String) };
  if (forms.some((form) => form.type === "boolean")) return { kind: "switch" };
  if (forms.some((form) => form.type === "integer" || form.type === "number")) return { kind: "number" };
  return { kind: "text" };
}

/** What was typed as a value of the setting; nothing typed is no value where there may be none. */
export function valueOf(setting: Setting, typed: string | number | boolean | null): unknown {
  const mayBeUnset = alternatives(setting.form).some((form) => form.type === "null");
  if (typeof typed === "string" && typed.trim() === "" && mayBeUnset) return null;
  return typed;
}

/** A value as people read it. */
export function shown(value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  if (Array.isArray(value)) return value.length === 0 ? "–" : value.join(", ");
  return String(value);
}

/** The settings by what stands before `__`. */
export function bySection(settings: readonly Setting[]): [string, Setting[]][] {
  const sections = new Map<string, Setting[]>();
  for (const setting of settings) {
    const section = setting.name.split("__")[0] ?? "";
    sections.set(section, [...(sections.get(section) ?? []), setting]);
  }
  return [...sections];
}

function alternatives(form: Form): Form[] {
  return form.anyOf ?? [form];
}
