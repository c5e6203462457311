import { expect, it } from "vitest";
import { details } from "./logs";

it("says everything of a line that does not stand apart", () => {
  const line = { timestamp: "2026-01-01T00:00:00Z", level: "info", event: "request", status: 200, route: "/api/media", media: null, names: ["a"] };
  expect(details(line)).toBe('status=200 route=/api/media names=["a"]');
});
