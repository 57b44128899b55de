import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Document } from "../../../text/document.ts";
import { NuwaError } from "../../../text/errors.ts";
import { applyC4, countSentences } from "./c4.ts";
import { ChineseFigurer } from "./chinese-web-text.ts";
import { createFilter } from "./filter.ts";
import { removeForeignParagraphs } from "./paragraphs.ts";
import { filterSettings } from "./settings.ts";
import { createUrlRule } from "./url.ts";

const document = (text: string, extra: Partial<Document> = {}): Document => ({
  id: "0",
  text,
  source: "test",
  language: "en",
  meta: {},
  ...extra,
});
const run = (settings: object, text: string, language = "en") =>
  createFilter({ language: { enabled: false }, ...settings }).map(document(text, { language }));
const c4 = (more: object = {}): object => ({ only: ["c4"], c4: { enabled: true, ...more } });

describe("C4", () => {
  const five = "One two three. Four five six! Seven eight nine? Ten eleven twelve. And so it ends.";

  test("five sentences pass, four do not", () => {
    expect(run(c4(), five)).toEqual({ keep: document(five) });
    expect(run(c4(), five.replace(" And so it ends.", ""))).toEqual({
      drop: { rule: "c4.min_sentences", value: 4, threshold: 5 },
    });
  });
  test("sentences end at marks before white space, not inside numbers and addresses", () => {
    expect(countSentences("It costs 3.50 at www.example.com today.")).toBe(1);
    expect(countSentences('He said "No!" She left... Then')).toBe(3);
    expect(countSentences("今天下雨。你好！走吗？")).toBe(3);
    expect(countSentences(" \n ... ")).toBe(0);
  });
  test("a curly bracket and lorem ipsum", () => {
    expect(run(c4(), `${five} if (x) { y }`)).toEqual({
      drop: { rule: "c4.max_curly_brackets", value: 1, threshold: 0 },
    });
    expect(run(c4({ max_curly_brackets: 1 }), `${five} if (x) { y }`)).toHaveProperty("keep");
    expect(run(c4(), `${five} Lorem Ipsum dolor.`)).toEqual({
      drop: { rule: "c4.max_lorem_ipsum", value: 1, threshold: 0 },
    });
    expect(run(c4(), `${five} Lorem of ipsum.`)).toHaveProperty("keep");
  });
  test.each([
    ["c4.min_words_per_line", "Two words", "Now three words"],
    ["c4.javascript", "Please enable JavaScript to go on.", "Please enable scripts of java to go on."],
    ["c4.policy", "This site uses cookies to count you.", "This site sells cookies to count on."],
    ["c4.policy", "Read our Privacy Policy for more.", "Read our policy on privacy for more."],
    ["c4.max_word_characters", `A word ${"x".repeat(1001)} here`, `A word ${"x".repeat(1000)} here`],
  ])("%s takes the line out, and leaves one on the other side of the bound", (rule, bad, good) => {
    const verdict = run(c4(), `${bad}\n${five}`);
    expect(verdict).toMatchObject({ keep: { text: five }, parts: [{ rule, value: 1, excerpt: bad }] });
    expect(run(c4(), `${good}\n${five}`)).toEqual({ keep: document(`${good}\n${five}`) });
  });
  test("lines that no mark closes, when asked", () => {
    const settings = filterSettings.parse(c4({ terminal_punctuation: true })).c4;
    expect(applyC4("A line without a mark\nA line with one.\nA line that trails...", settings)).toMatchObject({
      text: "A line with one.",
      parts: [{ rule: "c4.terminal_punctuation", value: 2 }],
    });
    expect(run(c4(), `A line without a mark\n${five}`)).not.toHaveProperty("parts");
  });
  test("reference marks are stripped and other brackets are not", () => {
    expect(run(c4(), `${five}[12] So[citation needed] it [was] there.`)).toMatchObject({
      keep: { text: `${five} So it [was] there.` },
      parts: [{ rule: "c4.citations", value: 2 }],
    });
  });
  test("Chinese is none of its business", () => {
    expect(run(c4(), "短短的{一行}", "zh")).toHaveProperty("keep");
  });
  test("off unless asked", () => {
    expect(run({ english: { min_words: null, min_stop_words: null } }, "Privacy policy {x}")).toHaveProperty("keep");
  });
});

describe("FineWeb", () => {
  const fineweb = { only: ["fineweb"], fineweb: { enabled: true } };
  const lines = (n: number, line: (i: number) => string): string =>
    Array.from({ length: n }, (_, i) => line(i)).join("\n");

  test("lines that end in punctuation: 3 of 25 are 0.12, 2 are less", () => {
    const text = (closed: number) =>
      lines(25, (i) => `a line of more than thirty characters, number ${i}${i < closed ? "." : ""}`);
    expect(run(fineweb, text(3))).toHaveProperty("keep");
    expect(run(fineweb, text(2))).toEqual({
      drop: { rule: "fineweb.min_line_punctuation", value: 0.08, threshold: 0.12 },
    });
  });
  test("short lines: 67 of 100 pass, 68 do not", () => {
    const long = "this line has more than thirty characters, number";
    const text = (short: number) =>
      lines(100, (i) => (i < short ? `these are five words ${i}.` : `${long} ${i}, and some more of it.`));
    expect(run(fineweb, text(67))).toHaveProperty("keep");
    expect(run(fineweb, text(68))).toEqual({ drop: { rule: "fineweb.max_short_lines", value: 0.68, threshold: 0.67 } });
  });
  test("line ends to words: 3 in 10 pass, 4 do not", () => {
    const text = (newlines: number) => `${"averylongwordindeed ".repeat(10).trim()}.${"\n".repeat(newlines)}`;
    expect(run(fineweb, text(3))).toHaveProperty("keep");
    expect(run(fineweb, text(4))).toEqual({ drop: { rule: "fineweb.max_newline_ratio", value: 0.4, threshold: 0.3 } });
  });
  test("characters in duplicate lines: a tenth passes, more does not", () => {
    const line = (i: number) => `a line that has forty characters, no. ${String.fromCharCode(97 + i)}.`;
    expect(line(0)).toHaveLength(40);
    // Ten lines of 40 characters and nine line ends between them; one line of another ten times that length.
    const ten = lines(10, line);
    const verdict = run(fineweb, `${ten}\n${line(0)}`);
    expect(verdict).toEqual({ keep: document(`${ten}\n${line(0)}`) });
    expect(run(fineweb, `${ten}\n${line(0)}\n${line(1)}`)).toMatchObject({
      drop: { rule: "fineweb.max_duplicate_line_characters", threshold: 0.1 },
    });
  });
});

describe("ChineseWebText", () => {
  const settings = { only: ["chinese_web_text"], chinese_web_text: { enabled: true } };
  // Two hundred different characters, in the order of Unicode.
  const distinct = (n: number, from = 0x4e00): string =>
    String.fromCodePoint(...Array.from({ length: n }, (_, i) => from + i));

  test("mean line of 10 characters, 200 characters in all", () => {
    const cut = (width: number, total: number) =>
      Array.from({ length: total / width }, (_, i) => distinct(width, 0x4e00 + i * width)).join("\n");
    expect(run(settings, cut(10, 200), "zh")).toHaveProperty("keep");
    expect(run(settings, cut(9, 207), "zh")).toEqual({
      drop: { rule: "chinese_web_text.min_mean_line", value: 9, threshold: 10 },
    });
    expect(run(settings, distinct(199), "zh")).toEqual({
      drop: { rule: "chinese_web_text.min_characters", value: 199, threshold: 200 },
    });
  });
  test("three in ten must be Chinese", () => {
    const latin = (n: number) => Array.from({ length: n }, (_, i) => String.fromCodePoint(0x100 + i)).join("");
    expect(run(settings, distinct(90) + latin(210), "zh")).toHaveProperty("keep");
    expect(run(settings, distinct(89) + latin(211), "zh")).toMatchObject({
      drop: { rule: "chinese_web_text.min_chinese", threshold: 0.3 },
    });
  });
  test("13-grams that stood before: counted by hand, and against the plain definition", () => {
    const figurer = new ChineseFigurer();
    // 26 characters twice: of 52 - 12 = 40 runs, 14 stood before.
    expect(figurer.measure(distinct(26).repeat(2)).repeated).toBeCloseTo(14 / 40, 12);
    expect(figurer.measure(distinct(12)).repeated).toBe(0);
    let state = 3;
    for (let round = 0; round < 20; round++) {
      const pieces = Array.from({ length: 12 }, () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return distinct(20, 0x4e00 + 20 * (state >>> 29));
      });
      const text = pieces.join("");
      const seen = new Set<string>();
      let repeated = 0;
      for (let i = 0; i + 13 <= text.length; i++) {
        const gram = text.slice(i, i + 13);
        if (seen.has(gram)) repeated++;
        seen.add(gram);
      }
      expect(figurer.measure(pieces.join(" \n")).repeated).toBeCloseTo(repeated / (text.length - 12), 12);
    }
    const half = distinct(200) + distinct(188);
    expect(run(settings, half, "zh")).toHaveProperty("keep");
    expect(run(settings, distinct(100).repeat(3), "zh")).toMatchObject({
      drop: { rule: "chinese_web_text.max_repeated_13_grams", threshold: 0.5 },
    });
  });
});

describe("addresses", () => {
  const folder = mkdtempSync(join(tmpdir(), "nuwa-url-"));
  writeFileSync(
    join(folder, "domains"),
    "# a list\nbad.example\n0.0.0.0 ads.example # from a hosts file\nwww.worse.example\n",
  );
  writeFileSync(join(folder, "urls"), "http://good.example/bad/page\n");
  const rule = createUrlRule(
    filterSettings.parse({
      url: {
        domains: ["domains"],
        addresses: ["urls"],
        substrings: ["xxxx"],
        words: ["casino"],
        soft_words: ["bet", "win"],
      },
    }).url,
    folder,
  );
  const judge = (url: string) => rule(document("", { meta: { url } }));

  test.each([
    ["https://bad.example/", "url.domain"],
    ["https://a.b.bad.example:8080/x", "url.domain"],
    ["http://ads.example", "url.domain"],
    ["https://worse.example/x", "url.domain"],
    ["https://www.good.example/bad/page/?q=1", "url.address"],
    ["https://good.example/myxxxxpage", "url.substring"],
    ["https://good.example/best-casino-online", "url.word"],
    ["https://good.example/bet-and-win", "url.max_soft_words"],
  ])("%s: %s", (url, name) => expect(judge(url)?.rule).toBe(name));

  test.each([
    "https://notbad.example/",
    "https://bad.example.org/",
    "https://good.example/bad/pages",
    "https://good.example/casinos",
    "https://good.example/bet/bet/alphabet",
  ])("%s passes", (url) => expect(judge(url)).toBeUndefined());

  test("a source that is an address counts; other documents have none", () => {
    expect(rule(document("", { source: "https://bad.example/a" }))?.rule).toBe("url.domain");
    expect(rule(document("", { source: "bad.example.txt" }))).toBeUndefined();
  });
  test("a list that is not there", () => {
    expect(() => createFilter({ url: { domains: ["missing"] } }, folder)).toThrow(NuwaError);
  });
});

describe("language by paragraph", () => {
  const english = "The old lighthouse keeper walked down to the harbour every morning and counted the fishing boats.";
  const german =
    "Der alte Leuchtturmwärter ging jeden Morgen zum Hafen hinunter und zählte die Fischerboote im Wasser.";
  const chinese = "老灯塔看守人每天早上都走到港口，数一数渔船，然后慢慢走回家去吃早饭。";
  const settings = filterSettings.parse({ language: { allowed: ["en"], paragraphs: true } }).language;

  test("others go, with their languages in the ledger", () => {
    const text = [english, german, english, chinese].join("\n\n");
    expect(removeForeignParagraphs(text, settings)).toEqual({
      text: `${english}\n\n${english}`,
      part: { rule: "language.paragraphs", value: 2, threshold: 0.65, detail: "de, zh", excerpt: german },
    });
  });
  test("short ones, numbers and allowed ones stay", () => {
    const text = `${english}\n\nGuten Tag!\n\n12 34 56\n\n你好`;
    expect(removeForeignParagraphs(text, settings)).toEqual({ text, part: undefined });
    const both = { ...settings, allowed: ["en", "zh"] };
    expect(removeForeignParagraphs(`${english}\n${chinese}`, both).part).toBeUndefined();
  });
  test("lines are paragraphs where there are no blank lines", () => {
    expect(removeForeignParagraphs(`${english}\n${german}\n${english}`, settings).text).toBe(`${english}\n${english}`);
  });
  test("in the stage: a document all in another language is dropped as such", () => {
    const filter = createFilter({ only: ["language"], language: { allowed: ["en"], paragraphs: true } });
    expect(filter.map(document(`${german}\n\n${german}`))).toMatchObject({ drop: { rule: "language", detail: "de" } });
    expect(filter.map(document(`${english}\n\n${german}`))).toMatchObject({
      keep: { text: english },
      parts: [{ rule: "language.paragraphs" }],
    });
  });
});
