import { expect, it } from "vitest";
import type { Permission } from "../api/types";
import { curlExample } from "./curl";

it("shows something that the key may do", () => {
  const example = (...scopes: Permission[]) => curlExample("http://here", { key: "vck_1", scopes });
  expect(example("ask", "read")).toBe('curl -H "Authorization: Bearer vck_1" http://here/api/media');
  expect(example("write")).toContain('-X POST "http://here/api/media?name=');
  expect(example("operate")).toContain("http://here/metrics");
  expect(example("ask")).toContain("http://here/api/answers");
});
