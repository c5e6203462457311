import { expect, it } from "vitest";
import { answerRuns } from "./citations";

const shape = (text: string, streaming = false) => answerRuns(text, streaming).map((run) => (run.kind === "text" ? run.text : run.n));

it("finds single, grouped and neighbouring markers", () => {
  expect(shape("High tide [1]. Low [2, 3]! End[4][5]")).toEqual(["High tide\u00a0", 1, ". Low\u00a0", 2, 3, "! End", 4, 5]);
});

it("leaves other brackets alone", () => {
  expect(shape("[sic] a[i] [2026-11] [] [1234]")).toEqual(["[sic] a[i] [2026-11] [] [1234]"]);
});

it("holds a marker back until it has arrived whole", () => {
  expect(shape("tides [1", true)).toEqual(["tides "]);
  expect(shape("tides [1", false)).toEqual(["tides [1"]);
  expect(shape("tides [1]", true)).toEqual(["tides\u00a0", 1]);
});

it("gives items of a list a bullet, and only them", () => {
  expect(shape("Two:\n\n- one - or so [1]\n\n* two")).toEqual(["Two:\n• one - or so\u00a0", 1, "\n• two"]);
});
