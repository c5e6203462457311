import { expect, it } from "vitest";
import { markedRuns, markedWords, wordRuns } from "./marks";

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

it("marks the same words in other texts", () => {
  const words = markedWords(["The <mark>Tree</mark> grows", "a <mark>tree</mark>, <mark>神经网络</mark>", "<mark>c++</mark>"]);
  expect(words).toEqual(["tree", "神经网络", "c++"]);
  const marked = (text: string) => wordRuns(text, words).filter((run) => run.marked).map((run) => run.text);
  expect(marked("Trees and a TREE; treetop, the-tree")).toEqual(["TREE", "tree"]);
  expect(marked("讨论神经网络。")).toEqual(["神经网络"]);
  expect(marked("C++ and (c++)")).toEqual(["C++", "c++"]);
  expect(wordRuns("a <b> & c", words).map((run) => run.text).join("")).toBe("a <b> & c");
  expect(wordRuns("nothing asked", [])).toEqual([{ text: "nothing asked", marked: false }]);
});
