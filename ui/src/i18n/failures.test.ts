import { afterEach, expect, it } from "vitest";
import { ApiError } from "../api/client";
import { describe } from "../state/notices.svelte";
import { i18n } from "./index.svelte";

const noSound = { code: "media_no_audio", message: "The file has no sound." };
const refused = { code: "source_refused", message: "The site refuses (HTTP status 403)." };

afterEach(() => (i18n.language = "en"));

it("says in Chinese why something failed, and what the service says beyond that", () => {
  i18n.language = "zh";
  expect(i18n.failure(noSound)).toBe("文件中没有声音，无法转写。");
  expect(i18n.failure(refused)).toBe("网站没有提供这个文件。（The site refuses (HTTP status 403).）");
});

it("keeps the service's own words in English, and for codes of plugins", () => {
  i18n.language = "en";
  expect(i18n.failure(noSound)).toBe("The file has no sound.");
  i18n.language = "zh";
  expect(i18n.failure({ code: "of_a_plugin", message: "No coins left." })).toBe("No coins left.");
});

it("says in Chinese what was refused at once too", () => {
  i18n.language = "zh";
  expect(describe(new ApiError(422, "media_empty", "", "The file is empty."))).toBe("文件是空的。");
  expect(describe(new ApiError(502, "http_502", "", ""))).toBe("服务返回错误（502）。");
});
