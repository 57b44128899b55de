import { expect, test } from "vitest";
import { fillTemplate, parseTemplate, textOf, valueAt } from "./template.ts";

const record = {
  title: "静夜思",
  author: { name: "李白" },
  lines: ["床前明月光，", "疑是地上霜。"],
  year: 726,
  empty: "",
};

test("fills fields, nested fields, array positions and whole arrays", () => {
  const template = parseTemplate("《{title}》 {author.name} {year}: {lines.1}\n{lines}");
  expect(template.paths).toEqual(["title", "author.name", "year", "lines.1", "lines"]);
  expect(fillTemplate(template, record)).toEqual({
    text: "《静夜思》 李白 726: 疑是地上霜。\n床前明月光，\n疑是地上霜。",
  });
});

test("names the first field that is missing, empty or not text", () => {
  expect(fillTemplate(parseTemplate("{title} {poet}"), record)).toEqual({ missing: "poet" });
  expect(fillTemplate(parseTemplate("{empty}"), record)).toEqual({ missing: "empty" });
  expect(fillTemplate(parseTemplate("{author}"), record)).toEqual({ missing: "author" });
  expect(fillTemplate(parseTemplate("{lines.7}"), record)).toEqual({ missing: "lines.7" });
});

test("braces around no path are text, and inherited properties are no fields", () => {
  expect(fillTemplate(parseTemplate("a { b } {} {title}"), record)).toEqual({ text: "a { b } {} 静夜思" });
  expect(valueAt(record, "constructor.name")).toBeUndefined();
  expect(textOf(null)).toBeUndefined();
  expect(textOf([])).toBe("");
  expect(valueAt({ "a.b": 1, a: { b: 2 } }, "a.b")).toBe(1);
});
