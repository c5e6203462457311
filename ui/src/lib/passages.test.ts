import { expect, it } from "vitest";
import type { Citation } from "../api/types";
import { withoutPassages } from "./passages";

const citations = [1, 2].map((n): Citation => ({ n, media_id: "m", start: n, end: n, quote: "", check: "verified" }));
const TEXT = "Passages that mention “tide”:\n\n- the tide rises [1]\n\n- … and the tide falls [2]";

it("leaves the passages to the list of citations", () => {
  expect(withoutPassages(TEXT, citations, false)).toBe("Passages that mention “tide”:");
});

it("keeps a passage that no citation shows", () => {
  expect(withoutPassages(`${TEXT}\n\n- one without`, citations.slice(0, 1), false)).toBe(
    "Passages that mention “tide”:\n\n- … and the tide falls [2]\n\n- one without",
  );
});

it("shows no passage twice while the answer arrives", () => {
  expect(withoutPassages(TEXT.slice(0, 60), [], true)).toBe("Passages that mention “tide”:");
});

it("leaves other text as it is", () => {
  expect(withoutPassages("No passage contains the words of this question.", [], false)).toBe("No passage contains the words of this question.");
});
