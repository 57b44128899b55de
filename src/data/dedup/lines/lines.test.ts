import { describe, expect, test } from "vitest";
import type { Document } from "../../../text/document.ts";
import { generator } from "../documents/planted.ts";
import { removeLines } from "./lines.ts";
import type { LinesSettingsInput } from "./settings.ts";
import { unitsOf } from "./units.ts";

const documentsOf = (...texts: string[]): Document[] =>
  texts.map((text, i) => ({ id: `d${i}`, text, source: `d${i}`, meta: {} }));

function left(texts: readonly string[], input: LinesSettingsInput = {}): (string | undefined)[] {
  return removeLines(documentsOf(...texts), { min_chars: 0, ...input }).map((verdict) =>
    "keep" in verdict ? verdict.keep.text : undefined,
  );
}

const notice = "This page is under the licence that its authors have chosen.";
const menu = "Home News About Contact";

describe("paragraphs", () => {
  test("stay in the first document that has them", () => {
    expect(left([`One.\n\n${notice}`, `${notice}\n\nTwo.`, `Three.\n\n${notice}\n\nFour.\n`])).toEqual([
      `One.\n\n${notice}`,
      "Two.",
      "Three.\n\nFour.\n",
    ]);
  });
  test("are compared without case, punctuation, white space and line breaks", () => {
    const other = `  ${notice.toUpperCase().replace(" ITS", "\n\tITS").replace(".", " !")}`;
    expect(left([notice, `Two.\n \n${other}\n\nThree.`])[1]).toBe("Two.\n \nThree.");
    expect(left([notice, notice.replace("have", "has")])[1]).toBe(notice.replace("have", "has"));
  });
  test("twice in one document are no repetition of another's", () => {
    expect(left([`${notice}\n\n${notice}`])).toEqual([`${notice}\n\n${notice}`]);
    expect(left([`${notice}\n\n${notice}`, `${notice}\n\nx\n\n${notice}`])[1]).toBe("x");
  });
  test("short ones stay; a character of Chinese counts as a word", () => {
    expect(left(["Yes, they did so.\n\na", "Yes, they did so.\n\nb"])).toEqual([
      "Yes, they did so.\n\na",
      "Yes, they did so.\n\nb",
    ]);
    expect(left(["天地玄黄宇宙洪荒。\n\n甲", "乙\n\n天地玄黄，宇宙洪荒\n\n丙"])[1]).toBe("乙\n\n丙");
    expect(left(["天地玄黄宇宙洪\n\n甲", "天地玄黄宇宙洪\n\n乙"])[1]).toBe("天地玄黄宇宙洪\n\n乙");
  });
  test("min_documents, keep: none, fold_digits, and off", () => {
    const texts = [1, 2, 3].map((n) => `Text number ${n}\n\n${notice}`);
    expect(left(texts, { paragraphs: { min_documents: 4 } })).toEqual(texts);
    expect(left(texts, { paragraphs: { enabled: false } })).toEqual(texts);
    expect(left(texts, { keep: "none" })).toEqual([1, 2, 3].map((n) => `Text number ${n}`));
    const pages = [1, 2].map((n) => `This is page ${n} of the many pages here`);
    expect(left(pages)).toEqual(pages);
    expect(left(pages, { fold_digits: true })[1]).toBe("");
  });
});

describe("lines", () => {
  const texts = Array.from({ length: 12 }, (_, n) => `${menu}\nText ${n}\nMore of it\n\n${menu}\nEnd`);
  test("in ten documents and more go, from within paragraphs too", () => {
    const found = left(texts);
    expect(found[0]).toBe(texts[0]);
    for (const [n, text] of found.slice(1).entries()) expect(text).toBe(`Text ${n + 1}\nMore of it\n\nEnd`);
    expect(left(texts.slice(0, 9))).toEqual(texts.slice(0, 9));
    expect(left(texts, { lines: { enabled: false } })).toEqual(texts);
  });
  test("the ledger", () => {
    const verdicts = removeLines(documentsOf(...texts.map((text) => `${text}\n\n${notice}`)), { min_chars: 20 });
    expect(verdicts[3]).toMatchObject({
      parts: [
        { rule: "paragraphs", value: 1, threshold: 2, detail: "first in d0", excerpt: notice },
        { rule: "lines", value: 2, threshold: 10, detail: "first in d0", excerpt: menu },
      ],
    });
    expect(removeLines(documentsOf(`${notice} x`, `${notice} x\n\nbye`))[1]).toEqual({
      drop: { rule: "lines.min_chars", value: 3, threshold: 50, detail: "first in d0" },
    });
  });
});

test("hashes of lines differ where letters do", () => {
  const random = generator(4);
  const settings = { foldDigits: false, paragraphs: false, lines: true };
  const lines = new Set<string>();
  while (lines.size < 20_000)
    lines.add(
      Array.from({ length: 1 + random(4) }, () => "abc ".charAt(random(4)))
        .join("")
        .trim()
        .replace(/ +/gu, " ") + random(3000),
    );
  const { units } = unitsOf([...lines].join("\n"), settings);
  expect(new Set(units.map(({ high, low }) => `${high} ${low}`)).size).toBe(lines.size);
});

test("hostile texts go through unchanged", () => {
  const texts = ["", "\n\n\n", "\ud800\n\udc00", "\r\n\r\n", "x".repeat(1e6), "\n".repeat(1e5), "a\u0085b\u2028c"];
  expect(left(texts)).toEqual(texts);
});
