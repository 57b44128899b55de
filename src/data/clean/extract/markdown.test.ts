import { describe, expect, test } from "vitest";
import { expectGrowth } from "../../../../test/helpers/growth.ts";
import { extractMarkdown } from "./markdown.ts";

const options = { tables: true, code: true };
const text = (markdown: string): string => extractMarkdown(markdown, options).text;

describe("extractMarkdown", () => {
  test("headings, emphasis, links, code spans", () => {
    expect(text("# Title *here*\n\nSee [the docs](https://x.y) and `a  < b`, **now**.\nSame line.")).toBe(
      "Title here\n\nSee the docs and a < b, now.\nSame line.",
    );
  });
  test("badges, pictures, comments, tags and front matter go", () => {
    const markdown =
      "---\ntitle: 'My page'\ntags: [a]\n---\n# Name\n\n[![npm](https://i/b.svg)](https://n) ![alt](x.png)\n\n<!-- hidden\n\ncomment -->\n\n<p align=\"center\">Shown <b>text</b></p>\n\nA<br>b <kbd>Ctrl</kbd> <!-- x -->end";
    expect(extractMarkdown(markdown, options)).toEqual({
      text: "Name\n\nShown text\n\nA\nb Ctrl end",
      title: "My page",
    });
  });
  test("lists, nested and numbered; tasks; quotes", () => {
    expect(text("- one\n  - two\n    more\n- [x] three\n\n4. four\n5. five\n\n> quoted\n> text")).toBe(
      "- one\n  - two\nmore\n- three\n4. four\n5. five\n\nquoted\ntext",
    );
  });
  test("code blocks to the letter, tables by rows", () => {
    expect(text("```js\nif (a <  b)\n\n  x();\n```\n\n| a | b |\n|---|---|\n| 1 | `2` |\n")).toBe(
      "```\nif (a <  b)\n\n  x();\n```\n\na | b\n1 | 2",
    );
    expect(extractMarkdown("```\nx\n```\n\n| a |\n|---|\n| 1 |", { tables: false, code: false }).text).toBe("");
  });
  test("entities are decoded once", () => {
    expect(text("Tom &amp; Jerry &lt;3 &amp;amp;")).toBe("Tom & Jerry <3 &amp;");
  });
  test("a rule at the beginning is no front matter", () => {
    expect(text("---\n\nJust text.\n\n---\n\nMore.")).toBe("Just text.\n\nMore.");
  });
  test.each([
    ["empty", ""],
    ["unclosed fence", "```\ncode"],
    ["unclosed link", "[a](b"],
    ["NUL and lone surrogates", "a\0b\ud800"],
  ])("hostile: %s", (_, markdown) => {
    expect(typeof text(markdown)).toBe("string");
  });
  // Marked, the parser, takes quadratic time where nothing closes what was opened.
  test.each([
    ["many brackets", 5000, (size: number) => "[".repeat(size)],
    ["many stars", 3000, (size: number) => "*a ".repeat(size)],
    ["deep quotes", 500, (size: number) => `${">".repeat(size)} x`],
    ["deep lists", 100, (size: number) => Array.from({ length: size }, (_, k) => `${"  ".repeat(k)}- x`).join("\n")],
  ])("hostile: %s take no more than quadratic time", async (_, size, make) => {
    await expectGrowth(make, size, text, { degree: 2 });
  });
});
