import { expect, it } from "vitest";
import { agentName } from "./agents";

it("names browsers and systems, whatever else they claim to be", () => {
  const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
  expect(agentName(chrome)).toBe("Chrome · Linux");
  expect(agentName(`${chrome.replace("X11; Linux x86_64", "Windows NT 10.0; Win64; x64")} Edg/141.0.0.0`)).toBe("Edge · Windows");
  expect(agentName("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1")).toBe("Safari · iOS");
  expect(agentName("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0")).toBe("Firefox · macOS");
});

it("calls a program by its name, and nothing a dash", () => {
  expect(agentName("python-httpx/0.28.1")).toBe("python-httpx");
  expect(agentName("")).toBe("–");
});
