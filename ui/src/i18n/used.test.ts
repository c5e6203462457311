import { expect, it } from "vitest";
import { en } from "./en";

const FILES = import.meta.glob<string>("../**/*.{svelte,ts}", { query: "?raw", import: "default", eager: true });
// Keys that are put together from a status or a kind.
const COMPOSED = /^(media\.kind_|status\.|transcript\.(growing|paused|cancelled|failed|cut_off|not_fetched)$|ask\.(title|intro|placeholder)_|access\.(role|may)_|sign_in\.lost_|users\.about_|(usage|limits)\.(storage_bytes|audio_minutes|tokens)$|ops\.(source|alert|event)_|(search\.hits|upload\.tray)_(one|other))/;

const source = Object.entries(FILES)
  .filter(([name]) => !/\.test\.ts$|\/(en|zh)\.ts$/.test(name))
  .map(([, text]) => text)
  .join("\n");

it("keeps no message that nobody shows", () => {
  const unused = Object.keys(en).filter((key) => !COMPOSED.test(key) && !source.includes(`"${key}"`) && !source.includes(`'${key}'`));
  expect(unused).toEqual([]);
});

it("renders untrusted text as text only", () => {
  expect(source).toContain("markedRuns(hit.text)"); // the components are really among what is looked at
  expect(source).not.toMatch(/\{@html|innerHTML|outerHTML|insertAdjacentHTML|document\.write/);
});
