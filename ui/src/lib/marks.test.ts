import { expect, it } from "vitest";
import { markedRuns } from "./marks";

it("splits a hit at its marks and undoes the escaping", () => {
  expect(markedRuns("the <mark>moon</mark> &amp; the sun")).toEqual([
    { text: "the ", marked: false },
    { text: "moon", marked: true },
    { text: " & the sun", marked: false },
  ]);
});

it("keeps markup that a recording contains as mere text", () => {
  const hit = "&lt;img src=x onerror=alert(1)&gt; <mark>&lt;b&gt;</mark> <script>";
  expect(markedRuns(hit).map((run) => run.text).join("")).toBe("<img src=x onerror=alert(1)> <b> <script>");
});

it("undoes the escaping once only", () => {
  expect(markedRuns("&amp;lt;mark&amp;gt;")).toEqual([{ text: "&lt;mark&gt;", marked: false }]);
});

it("survives marks that are not closed", () => {
  expect(markedRuns("a <mark>b")).toEqual([
    { text: "a ", marked: false },
    { text: "b", marked: true },
  ]);
});
