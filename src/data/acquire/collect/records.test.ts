import { describe, expect, test } from "vitest";
import { recordMeta, recordText } from "./records.ts";

describe("recordText", () => {
  const poem = {
    title: "静夜思",
    author: null,
    paragraphs: ["床前明月光，", "疑是地上霜。"],
    n: 3,
    deep: { a: [{ b: "x" }] },
  };
  test("a field, a path, a list, a number", () => {
    expect(recordText("title")(poem)).toEqual({ text: "静夜思" });
    expect(recordText("deep.a.0.b")(poem)).toEqual({ text: "x" });
    expect(recordText("paragraphs")(poem)).toEqual({ text: "床前明月光，\n疑是地上霜。" });
    expect(recordText("n")(poem)).toEqual({ text: "3" });
    expect(recordText("a.b")({ "a.b": "dotted" })).toEqual({ text: "dotted" });
  });
  test("a template; lines of missing optional fields are left out", () => {
    expect(recordText("{title}\n{author?}\n{paragraphs}")(poem)).toEqual({
      text: "静夜思\n床前明月光，\n疑是地上霜。",
    });
    expect(recordText("By {author?}, no. {n}")(poem)).toEqual({ text: "By , no. 3" });
    expect(recordText("{title} {} { }")(poem)).toEqual({ text: "静夜思 {} { }" });
  });
  test("what is missing is named, with what there is", () => {
    expect(recordText("{titel}")(poem)).toEqual({
      missing: 'no text in field "titel"; it has title, author, paragraphs, n, deep',
    });
    expect(recordText("deep")(poem)).toHaveProperty("missing");
    expect(recordText(undefined)({})).toMatchObject({ missing: expect.stringContaining("the record has no fields") });
  });
  test("without a setting, the usual fields", () => {
    expect(recordText(undefined)({ content: "c", body: "b" })).toEqual({ text: "c" });
  });
  test("names of Object.prototype are no fields", () => {
    for (const name of ["__proto__", "constructor", "toString"]) {
      expect(recordText(name)({})).toHaveProperty("missing");
      expect(recordText(`a.${name}`)({ a: {} })).toHaveProperty("missing");
    }
  });
});

test("recordMeta fills strings, leaves the rest", () => {
  expect(recordMeta({ title: "{t}!", year: 1911, x: "{nope}" }, { t: "T" })).toEqual({
    title: "T!",
    year: 1911,
    x: "",
  });
});
