import { describe, expect, test } from "vitest";
import type { Document } from "../../../text/document.ts";
import { generator, plantedPassages } from "../documents/planted.ts";
import { removePassages } from "./substring.ts";
import type { SubstringSettingsInput } from "./settings.ts";
import { Tokeniser } from "./tokens.ts";
import { firstWindows, portableFirstWindows, textAddon } from "./windows.ts";

/** By strings: plain, slow. */
function oracle(tokens: ArrayLike<number>, width: number): number[] {
  const seen = new Map<string, number>();
  return Array.from(tokens, (_, i) => {
    const window = Array.from(tokens).slice(i, i + width);
    if (window.length < width || window.includes(0)) return i;
    const key = window.join(" ");
    if (!seen.has(key)) seen.set(key, i);
    return seen.get(key) ?? i;
  });
}

/** The suffix array by sorting suffixes as arrays. */
function sortedSuffixes(text: readonly number[]): number[] {
  return text
    .map((_, i) => i)
    .sort((a, b) => {
      for (let k = 0; ; k++) {
        const [x, y] = [text[a + k] ?? -1, text[b + k] ?? -1];
        if (x !== y) return x - y;
      }
    });
}

const addon = textAddon();
describe.skipIf(addon === undefined)("native suffix array (needs the native kernels)", () => {
  const arrayOf = (text: readonly number[], symbols: number): number[] => {
    const result = new Int32Array(text.length);
    addon?.suffixArray(Int32Array.from(text), symbols, result);
    return [...result];
  };
  test("mississippi", () => {
    // Known from any textbook: 10 7 4 1 0 9 8 6 3 5 2.
    const text = [..."mississippi"].map((letter) => "imps".indexOf(letter));
    expect(arrayOf(text, 4)).toEqual([10, 7, 4, 1, 0, 9, 8, 6, 3, 5, 2]);
  });
  test("many small texts of few symbols, where recursion goes deep", () => {
    const random = generator(1);
    for (let trial = 0; trial < 2000; trial++) {
      const symbols = 1 + random(4);
      const text = Array.from({ length: random(40) }, () => random(symbols));
      expect(arrayOf(text, symbols)).toEqual(sortedSuffixes(text));
    }
    const fibonacci = ["0", "01"];
    for (let i = 2; i < 16; i++) fibonacci.push(`${fibonacci[i - 1] ?? ""}${fibonacci[i - 2] ?? ""}`);
    const text = [...(fibonacci[15] ?? "")].map(Number);
    expect(arrayOf(text, 2)).toEqual(sortedSuffixes(text));
  });
  test("wrong arguments are refused", () => {
    expect(() => arrayOf([1, 7], 3)).toThrow("symbols");
    expect(() => addon?.firstWindows(new Int32Array(3), 2, new Int32Array(2))).toThrow("same length");
  });
});

test("first windows: native and portable as by strings", () => {
  const random = generator(2);
  for (let trial = 0; trial < 400; trial++) {
    const symbols = 1 + random(5);
    const spread = [1, 0x7fff_ffff, -5][random(3)] ?? 1;
    const tokens = Int32Array.from({ length: random(80) }, () => Math.imul(random(symbols), spread));
    const width = 2 + random(6);
    const expected = oracle(tokens, width);
    expect([...portableFirstWindows(tokens, width)]).toEqual(expected);
    expect([...firstWindows(tokens.slice(), width)]).toEqual(expected);
  }
});

const words = (n: number, name: string): string => Array.from({ length: n }, (_, i) => `${name}${i}`).join(" ");
function documentsOf(...texts: string[]): Document[] {
  return texts.map((text, i) => ({ id: `d${i}`, text, source: `d${i}`, meta: {} }));
}
function left(texts: readonly string[], input: SubstringSettingsInput = {}): (string | undefined)[] {
  return removePassages(documentsOf(...texts), { min_chars: 0, ...input }).map((verdict) =>
    "keep" in verdict ? verdict.keep.text : undefined,
  );
}

describe("passages", () => {
  test("one of 50 tokens goes from all documents but the first, one of 49 stays", () => {
    const [p50, p49] = [words(50, "p"), words(49, "q")];
    expect(left([`a b ${p50} c`, `d ${p50} e f`, `${p50}`, `g ${p49} h`, `${p49} i`])).toEqual([
      `a b ${p50} c`,
      "d e f",
      "",
      `g ${p49} h`,
      `${p49} i`,
    ]);
  });
  test("the ledger's entry", () => {
    const passage = words(60, "p");
    const [, second] = removePassages(
      documentsOf(`a ${passage}`, `long enough to stay as it is, b ${passage} c ${words(20, "x")}`),
    );
    expect(second).toMatchObject({
      parts: [{ rule: "substring", value: 1, threshold: 50, detail: "60 of 90 tokens, first in d0" }],
    });
    const dropped = removePassages(documentsOf(passage, `${passage} end`))[1];
    expect(dropped).toEqual({
      drop: { rule: "substring.min_chars", value: 3, threshold: 50, detail: "60 of 61 tokens, first in d0" },
    });
  });
  test("lines broken elsewhere are the same passage; the wider gap stays", () => {
    const passage = Array.from({ length: 50 }, (_, i) => `w${i}`);
    expect(left([passage.join(" "), `Before.\n\n${passage.join("\n")} after`, `x ${passage.join("  ")}\n\ny`])).toEqual(
      [passage.join(" "), "Before.\n\nafter", "x\n\ny"],
    );
  });
  test("case, signs and digits count", () => {
    const passage = words(50, "w");
    const others = [passage.toUpperCase(), passage.replace("w25", "w25,"), passage.replace("w25", "w26")];
    expect(left([passage, ...others])).toEqual([passage, ...others]);
  });
  test("a document that repeats itself keeps one copy", () => {
    const passage = words(70, "w");
    expect(left([`${passage} and ${passage} and ${passage} end`])).toEqual([`${passage} and end`]);
    // Periodic text: windows that overlap what they repeat stay, so that 50 tokens are there once.
    expect(left([Array(150).fill("ha").join(" ")])).toEqual([Array(50).fill("ha").join(" ")]);
    expect(left([Array(99).fill("ha").join(" ")])).toEqual([Array(99).fill("ha").join(" ")]);
    expect(left([words(5, "w"), Array(20).fill("a b c").join(" ")], { min_tokens: 10 })[1]).toBe(
      "a b c a b c a b c a b c",
    );
  });
  test("Chinese, by characters, signs included", () => {
    const passage = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成岁律吕调阳云腾致雨露结为霜金生丽水玉出昆冈";
    expect([...passage]).toHaveLength(48);
    expect(left([`序：${passage}。`, `文曰${passage}。终`])).toEqual([`序：${passage}。`, `文曰${passage}。终`]);
    expect(left([`序：${passage}。止`, `文曰：${passage}。终`])).toEqual([`序：${passage}。止`, "文曰终"]);
    expect(left([passage, `文${passage}终`], { min_tokens: 48 })[1]).toBe("文终");
  });
  test("characters as the unit: 50 letters", () => {
    const passage = "thequickbrownfoxjumpsoverthelazydog andthenitsleepsagain";
    expect(left([passage, `X${passage.replace(" ", "  ")}Y`], { unit: "characters" })).toEqual([passage, "XY"]);
    expect(left([passage, `X${passage}Y`])[1]).toBe(`X${passage}Y`);
  });
});

describe("no character is torn", () => {
  const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
  const hostile = [
    "e\u0301 a\u0308\u0323 o",
    "👩‍👩‍👧‍👦👍🏽🏳️‍🌈🇨🇳🇩🇪🇫",
    "1️⃣#️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "กำที่ภาษา ကြောင်း ភាសាខ្មែរ",
    "각 한국어 क्षत्रिय हिन्दी বাংলা",
    " \u0301x \u0301",
    "\r\n\u0301a\u200db 你\ufe00好",
    "\ud83d lone \udc69 x\u200d",
    "がギﾊﾞﾟ葛\u{e0100}飾",
    "\u0600١٢ \u06dd٣",
  ];
  test.each(["words", "characters"] as const)("tokens of %s end where characters end", (unit) => {
    const tokeniser = new Tokeniser({ unit });
    for (const text of [...hostile, hostile.join(""), hostile.toReversed().join(" ")]) {
      const bounds = new Set([...graphemes.segment(text)].map(({ index }) => index)).add(text.length);
      const count = tokeniser.tokenise(text);
      for (let i = 0; i < count; i++) {
        const [start = -1, end = -1] = [tokeniser.starts[i], tokeniser.ends[i]];
        expect(bounds.has(start), `${JSON.stringify(text)} begin ${start}`).toBe(true);
        expect(bounds.has(end), `${JSON.stringify(text)} end ${end}`).toBe(true);
      }
      // Everything but white space is in a token.
      const covered = Array.from({ length: count }, (_, i) => text.slice(tokeniser.starts[i], tokeniser.ends[i])).join(
        "",
      );
      expect(covered.replace(/\s/gu, "")).toBe(text.replace(/\s/gu, ""));
    }
  });
  test("a passage that ends inside a character of another text ends before it", () => {
    const passage = words(49, "w");
    // The 50th token is 👩 here and a family there: no passage of 50.
    expect(left([`${passage} 👩`, `x ${passage} 👩‍👧 y`])[1]).toBe(`x ${passage} 👩‍👧 y`);
    expect(left([`${passage} and e`, `x ${passage} and e\u0301 y`])[1]).toBe("x e\u0301 y");
  });
});

describe("against windows compared as strings", () => {
  /** Removes what the definition says: each window whose first equal one ended before it. Tokens without white space. */
  function definition(texts: readonly string[][], width: number): string[][] {
    const firsts = new Map<string, [number, number]>();
    return texts.map((tokens, document) => {
      const gone = new Set<number>();
      for (let i = 0; i + width <= tokens.length; i++) {
        const key = tokens.slice(i, i + width).join(" ");
        const first = firsts.get(key);
        if (first === undefined) firsts.set(key, [document, i]);
        else if (first[0] !== document || first[1] + width <= i) for (let k = i; k < i + width; k++) gone.add(k);
      }
      return tokens.filter((_, k) => !gone.has(k));
    });
  }
  test.each([2, 3, 7, 12])("random texts of few words, passages of %d", (width) => {
    const random = generator(width);
    for (let trial = 0; trial < 60; trial++) {
      const texts = Array.from({ length: 6 }, () => {
        const tokens: string[] = [];
        const symbols = 1 + random(4);
        for (let n = random(120); n > 0; n--) tokens.push("abcd".charAt(random(symbols)));
        return tokens;
      });
      const expected = definition(texts, width).map((tokens) => tokens.join(" "));
      for (const find of [firstWindows, portableFirstWindows]) {
        const verdicts = removePassages(
          documentsOf(...texts.map((tokens) => tokens.join(" "))),
          { min_tokens: width, min_chars: 0 },
          find,
        );
        expect(verdicts.map((verdict) => ("keep" in verdict ? verdict.keep.text : ""))).toEqual(expected);
      }
    }
  });
});

test.each(["latin", "han", "mixed"] as const)(
  "planted passages, %s: each goes but for one copy, nothing else",
  (script) => {
    const { documents, expected, copies, short } = plantedPassages(600, 13, script);
    expect(copies).toBeGreaterThan(500);
    expect(short).toBeGreaterThan(100);
    const verdicts = removePassages(documents, { min_chars: 0 });
    for (const [i, verdict] of verdicts.entries()) {
      expect("keep" in verdict ? verdict.keep.text : undefined, documents[i]?.id).toBe(expected[i]);
    }
  },
);
