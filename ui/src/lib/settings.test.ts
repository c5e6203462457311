import { expect, it } from "vitest";
import type { Setting } from "../api/types";
import { bySection, controlOf, shown, valueOf } from "./settings";

const setting = (name: string, form: Record<string, unknown>, change: Partial<Setting> = {}): Setting => ({
  name,
  form,
  value: null,
  is_set: false,
  source: "default",
  reloadable: true,
  secret: false,
  description: "",
  changed_at: null,
  changed_by: null,
  ...change,
});

it("asks for each setting in its own way", () => {
  expect(controlOf(setting("STT__VAD_FILTER", { type: "boolean" }))).toEqual({ kind: "switch" });
  expect(controlOf(setting("LOG__LEVEL", { type: "string", enum: ["INFO", "ERROR"] }))).toEqual({ kind: "choice", values: ["INFO", "ERROR"] });
  expect(controlOf(setting("STT__BEAM_SIZE", { type: "integer" }))).toEqual({ kind: "number" });
  expect(controlOf(setting("STT__LANGUAGE", { anyOf: [{ type: "string" }, { type: "null" }] }))).toEqual({ kind: "text" });
  expect(controlOf(setting("AI__API_KEY", { anyOf: [{ type: "string" }, { type: "null" }] }, { secret: true }))).toEqual({ kind: "secret" });
});

it("takes nothing typed for no value only where there may be none", () => {
  expect(valueOf(setting("STT__LANGUAGE", { anyOf: [{ type: "string" }, { type: "null" }] }), " ")).toBe(null);
  expect(valueOf(setting("STT__MODEL", { type: "string" }), "")).toBe("");
  expect(valueOf(setting("STT__BEAM_SIZE", { type: "integer" }), 3)).toBe(3);
});

it("shows values as people read them, and settings by their section", () => {
  expect([shown(null), shown([]), shown(["a", "b"]), shown(false), shown(0)]).toEqual(["–", "–", "a, b", "false", "0"]);
  const sections = bySection([setting("STT__MODEL", {}), setting("AI__MODEL", {}), setting("STT__LANGUAGE", {})]);
  expect(sections.map(([name, members]) => [name, members.length])).toEqual([["STT", 2], ["AI", 1]]);
});
