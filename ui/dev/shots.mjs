// Pictures of the page against the mock service, to be looked at:  node dev/shots.mjs FOLDER [name part]
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const folder = process.argv[2] ?? "/tmp/videochat-shots";
const only = process.argv[3] ?? "";
const MOCK = fileURLToPath(new URL("mock.mjs", import.meta.url));
mkdirSync(folder, { recursive: true });

const servers = {};
async function mock(name, port, env) {
  const child = spawn(process.execPath, [MOCK], { env: { ...process.env, ...env, PORT: String(port) }, stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  servers[name] = { child, url: `http://127.0.0.1:${port}` };
}
await mock("empty", 8101, { EMPTY: "1" });
await mock("full", 8102, {});
await mock("basic", 8103, { BASIC: "1" });

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
let failures = 0;

async function shot(name, { server = "full", path = "/", width = 1440, height = 900, dark = false, locale = "en-US", act }) {
  if (!name.includes(only)) return;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", locale });
  const page = await context.newPage();
  const complain = (text) => ((failures += 1), process.stdout.write(`${name}: ${text}\n`));
  page.on("pageerror", (error) => complain(error.message));
  page.on("console", (message) => message.type() === "error" && !/404|415/.test(message.text()) && complain(message.text()));
  await page.goto(servers[server].url + path);
  await page.waitForTimeout(500);
  await act?.(page);
  await page.waitForTimeout(300);
  await page.screenshot({ path: `${folder}/${name}.png` });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (overflow > 0) complain(`wider than the window by ${overflow} px`);
  await context.close();
}

const open = (part) => async (page) => {
  await page.getByTestId("media-row").filter({ hasText: part }).getByRole("link").click();
  await page.waitForTimeout(600);
};
const ask = (question, wait) => async (page) => {
  if (await page.getByTestId("tab-ask").isVisible()) await page.getByTestId("tab-ask").click();
  await page.getByTestId("ask-input").fill(question);
  await page.getByTestId("ask-send").click();
  await page.waitForTimeout(wait);
};
const all = (...acts) => async (page) => {
  for (const act of acts) await act(page);
};
const QUESTION = "When are there spring tides, and how high do they get?";
const playAt = (n) => async (page) => {
  await page.locator(`[data-testid=segment][data-n="${n}"]`).click();
  await page.waitForTimeout(600);
};

try {
  await shot("library-empty", { server: "empty" });
  await shot("library-empty-360", { server: "empty", width: 360, height: 740 });
  await shot("library", {});
  await shot("library-dark", { dark: true });
  await shot("library-zh", { locale: "zh-CN" });
  await shot("library-basic", { server: "basic", act: ask(QUESTION, 4500) });
  await shot("library-360", { width: 360, height: 740 });
  await shot("library-1600", { width: 1600, height: 1000, act: ask(QUESTION, 4500) });
  await shot("library-upload", {
    act: async (page) => {
      await page.getByTestId("upload-input").setInputFiles([
        { name: "fresh recording.mp3", mimeType: "audio/mpeg", buffer: Buffer.alloc(90_000) },
        { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("hello") },
      ]);
      await page.waitForTimeout(1500);
    },
  });
  await shot("library-delete", { act: (page) => page.getByTestId("media-delete").nth(0).click() });
  await shot("media", { act: all(open("lecture 3"), playAt(4)) });
  await shot("media-streaming", { act: all(open("lecture 3"), ask(QUESTION, 1900)) });
  await shot("media-answer", { act: all(open("lecture 3"), ask(QUESTION, 4500)) });
  await shot("media-answer-dark", { dark: true, act: all(open("lecture 3"), playAt(8), ask(QUESTION, 4500)) });
  await shot("media-failed-answer", { act: all(open("lecture 3"), ask("Please fail", 900)) });
  await shot("media-growing", { act: open("Okafor") });
  await shot("media-growing-dark", { dark: true, act: open("Okafor") });
  await shot("media-basic", { server: "basic", act: open("lecture 3") });
  await shot("media-zh", { locale: "zh-CN", act: all(open("潮汐"), playAt(3)) });
  await shot("media-search", { act: all(open("lecture 3"), async (page) => (await page.getByTestId("search-input").fill("moon"), await page.waitForTimeout(700))) });
  await shot("media-export", { act: all(open("lecture 3"), (page) => page.getByTestId("export").click()) });
  await shot("media-long", { act: all(open("parliament"), async (page) => (await page.getByTestId("transcript").evaluate((element) => (element.scrollTop = 400000)), await page.waitForTimeout(400))) });
  await shot("media-360", { width: 360, height: 740, act: all(open("lecture 3"), playAt(3)) });
  await shot("media-360-ask", { width: 360, height: 740, act: all(open("lecture 3"), ask(QUESTION, 4500)) });
  await shot("media-1600", { width: 1600, height: 1000, act: all(open("lecture 3"), playAt(8), ask(QUESTION, 4500)) });
  await shot("media-audio-900", { width: 1024, height: 768, act: open("Okafor") });
  await shot("search", { path: "/search?q=moon" });
  await shot("search-360-dark", { path: "/search?q=moon", width: 360, height: 740, dark: true });
  await shot("missing", { path: "/media/nope" });
} finally {
  await browser.close();
  for (const { child } of Object.values(servers)) child.kill();
}
process.exitCode = failures === 0 ? 0 : 1;
