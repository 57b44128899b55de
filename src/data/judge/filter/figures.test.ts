import { describe, expect, test } from "vitest";
import { expectGrowth } from "../../../../test/helpers/growth.ts";
import { Figurer } from "./figures.ts";
import { filterSettings } from "./settings.ts";

const defaults = filterSettings.parse({});
const figurer = new Figurer();

function english(text: string) {
  const measured = figurer.measure(text, "spaces", defaults.english.stop_words);
  return { ...measured.counts, ...measured.figures, ...measured.grams() };
}
function chinese(text: string, mode: "characters" | "segmenter" = "characters") {
  const measured = figurer.measure(text, mode, defaults.chinese.stop_words);
  return { ...measured.counts, ...measured.figures, ...measured.grams() };
}

describe("quality figures, counted by hand", () => {
  test("words are runs between white space; mean length is over those with a letter or digit", () => {
    const f = english("The cat, sat — on 2 mats.");
    expect(f.tokens).toBe(7);
    expect(f.min_words).toBe(6); // the dash is none
    expect(f.min_mean_word_length).toBeCloseTo((3 + 4 + 3 + 2 + 1 + 5) / 6, 12);
    expect(f.min_alphabetic_words).toBeCloseTo(5 / 7, 12); // not the dash, not the 2
    expect(f.characters).toBe(25);
  });
  test("hash signs and ellipses per word", () => {
    const f = english("#one #two three... four… five....... six");
    expect(f.max_hash_ratio).toBeCloseTo(2 / 6, 12);
    expect(f.max_ellipsis_ratio).toBeCloseTo(3 / 6, 12); // a run of seven dots is one
    expect(english("so .. be it").max_ellipsis_ratio).toBe(0);
  });
  test("lines: bullets, ellipses at the end, end punctuation, short ones, line ends per word", () => {
    const f = english("• one\n- two...\n-three\n\n* four\nA line that has more than thirty characters.\nfive…  ");
    expect(f.lines).toBe(6);
    expect(f.max_bullet_lines).toBeCloseTo(3 / 6, 12);
    expect(f.max_ellipsis_lines).toBeCloseTo(2 / 6, 12);
    expect(f.min_line_punctuation).toBeCloseTo(3 / 6, 12);
    expect(f.max_short_lines).toBeCloseTo(5 / 6, 12);
    expect(f.max_newline_ratio).toBeCloseTo(6 / 13, 12);
  });
  test("CRLF is one line end, and a line with only spaces is none", () => {
    const f = english("one\r\n \t\r\ntwo\r\n");
    expect([f.lines, f.newlines, f.paragraphs]).toEqual([2, 3, 2]);
  });
  test("different stop words, whatever their case and the punctuation at them", () => {
    expect(english("The the THE the.").min_stop_words).toBe(1);
    expect(english('"Of" (that) To, be; theme others').min_stop_words).toBe(4);
  });
  test("symbols of code among visible characters", () => {
    expect(english("a[i] = b;").max_code_symbols).toBeCloseTo(4 / 7, 12);
  });
});

describe("repetition figures, counted by hand", () => {
  test("lines and paragraphs that stood before, as share of lines and of characters", () => {
    // Paragraphs: A = "aa bb\ncc", B = "dd", A again. Lines: aa bb, cc, dd, aa bb, cc.
    const text = "aa bb\ncc\n\ndd\n\naa  bb\ncc\n";
    const f = english(text);
    expect(text.length).toBe(24);
    expect(f.max_duplicate_lines).toBeCloseTo(2 / 5, 12);
    expect(f.max_duplicate_line_characters).toBeCloseTo((6 + 2) / 24, 12);
    expect(f.max_duplicate_paragraphs).toBeCloseTo(1 / 3, 12);
    expect(f.max_duplicate_paragraph_characters).toBeCloseTo((6 + 1 + 2) / 24, 12);
  });
  test("top n-gram: count times length of the most frequent", () => {
    // 2-grams: "a bb" three times (4 characters each), "bb c" twice; text of 20 characters.
    const f = english("a bb c a bb c a bb d");
    expect(f.characters).toBe(20);
    expect(f.max_top_2_gram).toBeCloseTo((3 * 4) / 20, 12);
    // 3-grams: "a bb c" twice and "bb c a" twice: the first counts.
    expect(f.max_top_3_gram).toBeCloseTo((2 * 6) / 20, 12);
    expect(f.max_top_4_gram).toBeCloseTo((2 * 8) / 20, 12);
  });
  test("an n-gram that occurs once is no repetition", () => {
    expect(english("one two three").max_top_2_gram).toBe(0);
  });
  test("duplicate n-grams: what stood before, no character twice", () => {
    // 5-grams of a b c d e a b c d e a b c d e: at 5 and at 10 "a b c d e" again, 9 characters each, jumped over.
    const f = english("a b c d e a b c d e a b c d e");
    expect(f.characters).toBe(29);
    expect(f.max_duplicate_5_grams).toBeCloseTo(18 / 29, 12);
    // 6-grams: at 5 "a b c d e a" is new … at 5 it equals the one at 0 (11 characters), then only 4 words are left.
    expect(f.max_duplicate_6_grams).toBeCloseTo(11 / 29, 12);
    expect(f.max_duplicate_10_grams).toBeCloseTo(19 / 29, 12);
  });
  test("the walk over one repeated word", () => {
    // 11 times "a": 5-grams at 0 (new), at 1 (seen, 9 characters, jump to 6), at 6 (seen, 9 characters, end).
    const f = english("a a a a a a a a a a a");
    expect(f.max_duplicate_5_grams).toBeCloseTo(18 / 21, 12);
    expect(f.max_top_2_gram).toBeCloseTo((10 * 3) / 21, 12); // overlapping: more than the whole text
  });
});

/** The definitions, slow and plain, over strings. */
function plainShares(words: string[], characters: number, n: number): { top: number; duplicate: number } {
  const grams = Array.from({ length: Math.max(0, words.length - n + 1) }, (_, i) => words.slice(i, i + n).join(" "));
  const counts = new Map<string, number>();
  for (const gram of grams) counts.set(gram, (counts.get(gram) ?? 0) + 1);
  let [best, most] = ["", 0];
  for (const [gram, count] of counts) if (count > most) [best, most] = [gram, count];
  const seen = new Set<string>();
  let repeated = 0;
  for (let i = 0; i < grams.length; ) {
    const gram = grams[i] ?? "";
    if (seen.has(gram)) {
      repeated += gram.length;
      i += n;
    } else {
      seen.add(gram);
      i++;
    }
  }
  return { top: most > 1 ? (most * best.length) / characters : 0, duplicate: repeated / characters };
}

test("n-gram shares equal the plain definition on random texts", () => {
  let state = 7;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
  for (let round = 0; round < 60; round++) {
    const vocabulary = 1 + random(6);
    const words = Array.from({ length: 1 + random(120) }, () => "wxyz".repeat(2).slice(0, 1 + random(vocabulary)));
    const f = english(words.join(" "));
    const plain = (n: number) => plainShares(words, words.join(" ").length, n);
    for (const n of [2, 3, 4] as const) expect(f[`max_top_${n}_gram`], `top ${n}`).toBeCloseTo(plain(n).top, 12);
    for (const n of [5, 6, 7, 8, 9, 10] as const) {
      expect(f[`max_duplicate_${n}_grams`], `duplicate ${n}`).toBeCloseTo(plain(n).duplicate, 12);
    }
  }
});

describe("Chinese", () => {
  test("one and a half Han characters make a word; other runs are words", () => {
    const f = chinese("我们在学习语言模型，GPT2 很好。");
    // 11 Han characters, one Latin run, two marks.
    expect(f.hanTokens).toBe(11);
    expect(f.words).toBe(12);
    expect(f.min_words).toBe(Math.round(11 / 1.5 + 1));
    expect(f.min_mean_word_length).toBeCloseTo(15 / (11 / 1.5 + 1), 12);
    expect(f.min_alphabetic_words).toBeCloseTo((11 / 1.5 + 1) / (11 / 1.5 + 3), 12);
    expect(f.min_stop_words).toBe(1); // 在
    expect(f.min_line_punctuation).toBe(1);
  });
  test("n-grams take the characters of as many words: 3 for a 2-gram, 8 for a 5-gram", () => {
    // 天地人 twice in eight characters.
    expect(chinese("天地人和天地人美").max_top_2_gram).toBeCloseTo(6 / 8, 12);
    const eight = "春夏秋冬东南西北";
    expect(chinese(`${eight}中${eight}`).max_duplicate_5_grams).toBeCloseTo(8 / 17, 12);
    expect(chinese(`${eight}中${eight}`).max_duplicate_6_grams).toBe(0);
  });
  test("by Intl.Segmenter", () => {
    const f = chinese("我喜欢大语言模型。我喜欢学习。", "segmenter");
    expect(f.hanTokens).toBe(0);
    expect(f.words).toBeGreaterThan(6);
    expect(f.words).toBeLessThan(12);
    expect(f.characters).toBe(15);
  });
  test("an ellipsis of two signs is one, characters beyond the first plane count once", () => {
    expect(chinese("好……").ellipses).toBe(1);
    const f = chinese("𠀀𠀁𠀀");
    expect([f.characters, f.hanTokens]).toEqual([3, 3]);
  });
});

describe("hostile texts", () => {
  test.each([
    ["empty", ""],
    ["white space", " \n\t\u3000\n"],
    ["one word", "word"],
    ["lone surrogates", "\ud800 \udc00\ud83d a\udfff \ud800\ud800"],
    ["nulls and controls", "\u0000\u0001 \u0000"],
    ["only line ends of every kind", "\u2028\u2029\u000b\u000c\u0085\r\n".repeat(5000)],
    ["many different lines by form feed", Array.from({ length: 5000 }, (_, i) => `x${i}`).join("\u000c")],
  ])("%s gives finite figures", (_name, text) => {
    for (const f of [english(text), chinese(text), chinese(text, "segmenter")]) {
      for (const [name, value] of Object.entries(f)) expect(Number.isFinite(value), name).toBe(true);
    }
  });
  test("ten megabytes of one character", () => {
    expect(english("a".repeat(1e7)).max_mean_word_length).toBe(1e7);
    expect(chinese("好".repeat(3.5e6)).max_duplicate_5_grams).toBeGreaterThan(0.99);
    // Ten words of one letter and nine spaces, of every twenty characters.
    expect(english("a ".repeat(1e6)).max_duplicate_10_grams).toBeCloseTo(19 / 20, 4);
    expect(english(".\n".repeat(1e6)).max_duplicate_lines).toBeGreaterThan(0.99);
  });
  test.each([
    ["a", 1e6, english],
    ["好", 350_000, chinese],
    ["a ", 500_000, english],
    [".\n", 500_000, english],
  ])("hostile: %j without end takes linear time", async (unit, size, figures) => {
    await expectGrowth(
      (count) => unit.repeat(count),
      size,
      (text) => figures(text),
    );
  });
});
