import { describe, expect, test } from "vitest";
import type { Document } from "../../../text/document.ts";
import { NuwaError } from "../../../text/errors.ts";
import { createFilter, filterRules } from "./filter.ts";
import { filterSettings } from "./settings.ts";

// Two paragraphs of our own, 60 words and more each, that no rule minds.
const ENGLISH = `The ferry left the island before sunrise, while the lamps along the quay were still burning. Nobody on the deck
said much. A woman with a basket of pears counted them twice, then gave one to the boy who had carried her bags, and he
ate it slowly as if it had to last until the other shore. When the light came, it showed a grey sea without a ripple,
and far away the hills that they had all promised to leave behind.`;
const CHINESE = `渡船在日出之前离开了小岛，码头上的灯还亮着。甲板上没有人说话。一个提着梨的女人把篮子里的梨数了两遍，
然后给了帮她拿行李的男孩一个。男孩吃得很慢，好像这个梨要一直吃到对岸。天亮的时候，海面是灰色的，没有一点波纹，
远处是他们都答应过要离开的山。船上的老人点了一支烟，望着海水出神，谁也不知道他在想什么。`;

function document(text: string, extra: Partial<Document> = {}): Document {
  return { id: "0", text, source: "test", meta: {}, ...extra };
}
function dropped(settings: Parameters<typeof createFilter>[0], text: string) {
  const verdict = createFilter(settings).map(document(text));
  return "drop" in verdict ? verdict.drop : undefined;
}

describe("createFilter", () => {
  test("keeps good text and notes its language", () => {
    const filter = createFilter();
    expect(filter.map(document(ENGLISH))).toEqual({ keep: document(ENGLISH, { language: "en" }) });
    expect(filter.map(document(CHINESE))).toEqual({ keep: document(CHINESE, { language: "zh" }) });
  });

  const off = { language: { enabled: false } };
  const lines = (n: number, line: (i: number) => string) => Array.from({ length: n }, (_, i) => line(i)).join("\n");
  test.each([
    ["min_words", "Too short to keep.", 4, 50],
    ["max_words", "of and ".repeat(50_001), 100_002, 100_000],
    ["min_mean_word_length", "a to be of it ".repeat(20), 9 / 5, 3],
    [
      "max_mean_word_length",
      "internationalisation and the uncharacteristically ".repeat(20),
      (20 + 3 + 3 + 20) / 4,
      10,
    ],
    ["max_hash_ratio", "the #tag and more ".repeat(20), 1 / 4, 0.1],
    ["max_ellipsis_ratio", "the end... and more ".repeat(20), 1 / 4, 0.1],
    ["max_bullet_lines", lines(20, (i) => `• the item and number${i}`), 1, 0.9],
    // Eleven words a line keep the ellipses below a tenth of the words.
    ["max_ellipsis_lines", lines(10, (i) => `the one and two of word${i} in three by four also...`), 1, 0.3],
    ["max_code_symbols", "the = and [have] { with } ; ".repeat(20), 6 / 20, 0.25],
    ["min_alphabetic_words", "the 1234 and 5678 ".repeat(20), 0.5, 0.8],
    ["min_stop_words", "every ship sails under some captain ".repeat(12), 0, 2],
  ])("%s", (rule, text, value, threshold) => {
    const drop = dropped(off, text);
    expect(drop?.rule).toBe(rule);
    expect(drop?.value).toBeCloseTo(value, 12);
    expect(drop?.threshold).toBe(threshold);
  });

  test("repetition rules, one at a time", () => {
    const text = lines(40, (i) => `the same line of words and nothing else ${i % 2 === 0 ? "" : i}`);
    for (const [rule, value] of [
      ["max_duplicate_lines", 19 / 40],
      ["max_duplicate_paragraphs", undefined],
      ["max_top_2_gram", undefined],
    ] as const) {
      const drop = dropped({ ...off, only: [rule] }, text);
      if (value === undefined) expect(drop, rule).toBeUndefined();
      else expect(drop?.value, rule).toBeCloseTo(value, 12);
    }
    // Each line of 40 or so characters repeats its first eight words.
    expect(dropped({ ...off, only: ["max_duplicate_8_grams"] }, text)?.rule).toBe("max_duplicate_8_grams");
  });

  test("a rule is off at null, and a threshold can be set", () => {
    const short = "the gloss of a short word and its use";
    expect(dropped({ english: { min_words: null } }, short)).toBeUndefined();
    expect(dropped({ english: { min_words: 9 } }, short)).toBeUndefined();
    expect(dropped({ english: { min_words: 10 } }, short)).toEqual({ rule: "min_words", value: 9, threshold: 10 });
  });

  test("language and its score", () => {
    const german = "Der alte Leuchtturmwärter ging jeden Morgen zum Hafen hinunter und zählte die Fischerboote. ";
    expect(dropped({}, german.repeat(8))).toMatchObject({ rule: "language", detail: "de" });
    expect(dropped({ language: { allowed: ["zh"] } }, ENGLISH)).toMatchObject({ rule: "language", detail: "en" });
    expect(dropped({}, ENGLISH.repeat(30) + german.repeat(140))).toMatchObject({ rule: "language_score", value: 0.5 });
  });

  test("a poem, a dialogue and code are not asked what a web page is", () => {
    const poem = "床前明月光，\n疑是地上霜。\n举头望明月，\n低头思故乡。";
    const dialogue = "A: Hello!\nB: Hello!\nA: How are you?\nB: Fine. And you?\nA: Fine.";
    const code = "#include <stdio.h>\nint main() {\n  for (int i = 0; i < 9; i++) {\n    a[i] = b[i];\n  }\n}\n".repeat(
      4,
    );
    const filter = createFilter({ c4: { enabled: true }, chinese_web_text: { enabled: true } });
    const verdict = (text: string, kind?: string) =>
      filter.map({ ...document(text), meta: kind === undefined ? {} : { kind } });
    for (const [text, kind] of [
      [poem, "poem"],
      [dialogue, "dialogue"],
      [code, "code"],
    ] as const) {
      expect(verdict(text), `${kind} as a page`).toHaveProperty("drop");
      expect(verdict(text, kind), kind).toHaveProperty("keep.text", text);
    }
    // Not everything passes: a German poem is still German.
    expect(verdict("Über allen Gipfeln ist Ruh, in allen Wipfeln spürest du kaum einen Hauch.", "poem")).toMatchObject({
      drop: { rule: "language" },
    });
  });

  test("what is not asked of a kind is the recipe's to say; a rule that does not exist is named", () => {
    const short = "a poem of eight words that is kept";
    const strict = createFilter({ kinds: { poem: [] }, english: { min_stop_words: null } });
    expect(strict.map({ ...document(short), meta: { kind: "poem" } })).toMatchObject({ drop: { rule: "min_words" } });
    expect(() => createFilter({ kinds: { poem: ["min_word"] } })).toThrow(
      expect.objectContaining({ message: 'expected a filter rule in "kinds.poem", got "min_word"' }),
    );
  });

  test("English stop words are not asked of other languages", () => {
    const german = "Der alte Mann ging jeden Morgen zum Hafen hinunter, zählte alle Boote, trank einen Kaffee. ";
    const french = createFilter({ language: { allowed: ["de"] }, only: ["language", "min_stop_words"] });
    expect("keep" in french.map(document(german.repeat(3)))).toBe(true);
  });

  test("Chinese thresholds: stop words, punctuation at line ends", () => {
    expect(dropped({ only: ["min_stop_words"] }, "天地玄黄，宇宙洪荒。".repeat(9))?.threshold).toBe(2);
    const menu = lines(60, (i) => `菜单上的第${i}道菜`);
    expect(dropped({ only: ["min_line_punctuation"] }, menu)).toEqual({
      rule: "min_line_punctuation",
      value: 0,
      threshold: 0.106,
    });
  });

  test("an unknown rule in only is named with the nearest", () => {
    expect(() => createFilter({ only: ["min_word"] })).toThrow(NuwaError);
    try {
      createFilter({ only: ["min_word"] });
    } catch (error) {
      expect(error instanceof NuwaError && error.toLine()).toContain('did you mean "min_words"?');
    }
  });

  test("figures lists every rule, passed or not", () => {
    const figures = createFilter().figures(document("Too short to keep."));
    expect(figures.rules.map((r) => r.rule)).toEqual(filterRules.slice(7));
    expect(figures.rules[0]).toEqual({ rule: "min_words", value: 4, threshold: 50, passes: false });
  });

  test("defaults are the published ones", () => {
    const { english, chinese } = filterSettings.parse({});
    expect([english.max_top_2_gram, english.max_top_3_gram, english.max_top_4_gram]).toEqual([0.2, 0.18, 0.16]);
    expect([chinese.max_duplicate_5_grams, chinese.max_duplicate_10_grams]).toEqual([0.198, 0.127]);
    expect(chinese.stop_words).toHaveLength(22);
  });

  test("the same verdicts in any order: nothing is remembered between documents", () => {
    const texts = [ENGLISH, CHINESE, "short", "of and ".repeat(3000), ENGLISH.repeat(3), CHINESE.repeat(4), ""];
    const filter = createFilter();
    const forward = texts.map((text) => filter.map(document(text)));
    const backward = texts.toReversed().map((text) => filter.map(document(text)));
    expect(backward.toReversed()).toEqual(forward);
  });
});
