import { describe, expect, test } from "vitest";
import { countCharacters, countScripts, hanShare, isChinese, isHan, segmentWords, words } from "./script.ts";

describe("isHan", () => {
  test.each(["一", "龥", "㐀", "豈", "〇", "々", "𠀀"])("%s is Han", (character) => {
    expect(isHan(character.codePointAt(0) ?? 0)).toBe(true);
  });
  test.each(["a", "あ", "カ", "한", "，", "。", "Ａ", "😀", "ก"])("%s is not", (character) => {
    expect(isHan(character.codePointAt(0) ?? 0)).toBe(false);
  });
  // The code points that Unicode itself names Han, apart from radicals, strokes and annotation marks.
  test("agrees with Unicode's script property on every ideograph", () => {
    const missed: string[] = [];
    for (let codePoint = 0; codePoint < 0x32000; codePoint++) {
      if (codePoint >= 0xd800 && codePoint <= 0xdfff) continue;
      const character = String.fromCodePoint(codePoint);
      if (/\p{Unified_Ideograph}/u.test(character) && !isHan(codePoint)) missed.push(codePoint.toString(16));
    }
    expect(missed).toEqual([]);
  });
});

test("countCharacters counts code points, and a lone surrogate as one", () => {
  expect(countCharacters("")).toBe(0);
  expect(countCharacters("a😀b𠀀")).toBe(4);
  expect(countCharacters("\ud83d")).toBe(1);
  expect(countCharacters("\ude00\ud83dx")).toBe(3);
});

test("countScripts and hanShare", () => {
  expect(countScripts("我爱 TypeScript。カ")).toEqual({ characters: 15, letters: 13, han: 2, unspaced: 1 });
  expect(hanShare("我爱 TypeScript")).toBeCloseTo(2 / 12, 12);
  expect(hanShare(" ,.!")).toBe(0);
});

test("isChinese tells Chinese from Japanese and English", () => {
  expect(isChinese("红楼梦是中国古典四大名著之一。")).toBe(true);
  expect(isChinese("これは日本語の文章です。東京都に住んでいます。")).toBe(false);
  expect(isChinese("The word 好 means good.")).toBe(false);
});

describe("words", () => {
  test("keeps inner apostrophes and hyphens, drops the rest", () => {
    expect(words("Don't 吃饭, well-known 3D! 'quoted' rock-")).toEqual([
      "Don't",
      "吃",
      "饭",
      "well-known",
      "3D",
      "quoted",
      "rock",
    ]);
  });
  test("marks belong to their letter, whatever the normal form", () => {
    expect(words("cafe\u0301 naïve Ελλάδα हिन्दी")).toEqual(["cafe\u0301", "naïve", "Ελλάδα", "हिन्दी"]);
  });
  test("characters beyond the Basic Multilingual Plane", () => {
    expect(words("a𠀀b😀c 𝒳𝒴")).toEqual(["a", "𠀀", "b", "c", "𝒳𝒴"]);
  });
  test("nothing from nothing, and lone surrogates are no words", () => {
    expect(words("")).toEqual([]);
    expect(words("\ud83d ... \ude00")).toEqual([]);
  });
});

test("segmentWords finds Chinese words", () => {
  expect(segmentWords("我喜欢大语言模型。")).toContain("喜欢");
  expect(segmentWords("Hello, world!", "en")).toEqual(["Hello", "world"]);
});
