import { expect, it } from "vitest";
import { en, type Dictionary, type MessageKey } from "./en";
import { failuresZh } from "./failures";
import { fill, preferred } from "./messages";
import { zh } from "./zh";

const places = (message: string) => [...message.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();
const keys = Object.keys(en) as MessageKey[];

it("has the same messages in both languages", () => {
  expect(Object.keys(zh).sort()).toEqual([...keys].sort());
});

it("has the same places for values in both languages", () => {
  for (const key of keys) expect(places(zh[key]), key).toEqual(places(en[key]));
});

it("leaves no message empty", () => {
  for (const dictionary of [en, zh] satisfies Dictionary[]) {
    for (const key of keys) expect(dictionary[key].length, key).toBeGreaterThan(0);
  }
});

it("has no place in a failure but the one for the service's own words", () => {
  for (const [code, text] of Object.entries(failuresZh)) {
    expect(text.length, code).toBeGreaterThan(0);
    expect(places(text.replace("{message}", "")), code).toEqual([]);
  }
});

it("puts values in as they are, however they look", () => {
  expect(fill("{name} of {total}", { name: "$& {total} <b>", total: 3 })).toBe("$& {total} <b> of 3");
  expect(fill("{missing}", {})).toBe("{missing}");
});

it("takes the remembered language, then the browser's, then English", () => {
  expect(preferred("zh", ["en-US"])).toBe("zh");
  expect(preferred(null, ["de-AT", "zh-Hans-CN", "en"])).toBe("zh");
  expect(preferred("klingon", ["de"])).toBe("en");
});
