import { expect, test } from "vitest";
import { toJavaScriptRegex } from "./pattern.ts";
import { forEachPiece, regexScanner, type PieceScanner } from "./pieces.ts";
import { preTokenizerNames, preTokenizerPatterns, presetScanner } from "./pre-tokenizer.ts";

function pieces(scanner: PieceScanner, text: string): string[] {
  const result: string[] = [];
  forEachPiece([{ scan: scanner }], text, (whole, start, end) => result.push(whole.slice(start, end)));
  return result;
}

/** Numerical Recipes' linear congruential generator: tests need the same strings each time. */
function randomTexts(count: number, alphabet: readonly string[], seed = 1): string[] {
  let state = seed;
  const below = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  return Array.from({ length: count }, () =>
    Array.from({ length: 1 + below(16) }, () => alphabet[below(alphabet.length)] ?? "").join(""),
  );
}

const tricky = [
  ..." \t\n\r.,'sSdtTmMlLvVrReExyZ019",
  "'s",
  "'LL",
  "'re",
  "  ",
  "\r\n",
  "\u3000",
  "\u00a0",
  "\u0085",
  "\ufeff",
  "\u2028",
  "\u200b",
  "ſ",
  "K",
  "中",
  "文",

  "，",
  "〇",
  "⺀",
  "々",
  "é",
  "e\u0301",
  "½",
  "٣",
  "Ⅻ",
  "🙂",
  "👩‍👧",
  "𠮷",
  "𝒳",
  "क्षि",
  "한",
  "カ",
  "\ud800",
  "\udc00",
];

test.each(preTokenizerNames)("the scanner of %s cuts where its regular expression cuts", (name) => {
  const byRegex = regexScanner(toJavaScriptRegex(preTokenizerPatterns[name]));
  const different = randomTexts(20_000, tricky).filter(
    (text) => pieces(presetScanner(name), text).join("\u0001") !== pieces(byRegex, text).join("\u0001"),
  );
  expect(different).toEqual([]);
});

test("examples", () => {
  expect(pieces(presetScanner("gpt2"), "I'll pay 2048  coins!\n")).toEqual([
    "I",
    "'ll",
    " pay",
    " 2048",
    " ",
    " coins",
    "!",
    "\n",
  ]);
  expect(pieces(presetScanner("gpt4"), "I'LL pay 2048!\n\n他说，好")).toEqual([
    "I",
    "'LL",
    " pay",
    " ",
    "204",
    "8",
    "!\n\n",
    "他说",
    "，好",
  ]);
  expect(pieces(presetScanner("chinese"), "他说，好 ok好")).toEqual(["他说", "，", "好", " ok", "好"]);
  expect(pieces(presetScanner("chinese"), "中".repeat(40)).map((piece) => piece.length)).toEqual([16, 16, 8]);
});

test("a long run of one kind neither recurses nor goes quadratic", () => {
  for (const name of preTokenizerNames) {
    for (const unit of ["a", " ", "中", "!", "\n", "1", "'"]) {
      const text = unit.repeat(200_000);
      expect(pieces(presetScanner(name), text).join("").length).toBe(text.length);
    }
  }
});

test("patterns of other engines", () => {
  const regex = toJavaScriptRegex("(?i:'s|[k])|\\p{Han}+|[^\\s]|\\s+");
  expect("'S".match(regex)).toEqual(["'S"]);
  expect("\u212a中文\u0085".match(regex)).toEqual(["\u212a", "中文", "\u0085"]);
  expect(() => toJavaScriptRegex("(?<=a")).toThrow(SyntaxError);
});

test("a regular expression with gaps: what lies between matches is a piece, or is left out", () => {
  expect(pieces(regexScanner(/\d/gu), "ab1c22")).toEqual(["ab", "1", "c", "2", "2"]);
  expect(pieces(regexScanner(/\d/gu, "Removed", true), "ab1c22")).toEqual(["1", "2", "2"]);
  expect(pieces(regexScanner(/x*/gu), "axb")).toEqual(["a", "x", "b"]);
});
