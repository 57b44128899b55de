import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { expectGrowth } from "../../../../test/helpers/growth.ts";
import { NuwaError } from "../../../text/errors.ts";
import { Corrector } from "./corrector.ts";
import { expandHunspell } from "./hunspell.ts";
import { addNoise, scoreCorrections } from "./noise.ts";
import { spellingSettings } from "./settings.ts";
import { correctText, countWords, createSpelling, englishWords, readCounts, writeCounts } from "./spelling.ts";
import { editDistance, SymSpell } from "./symspell.ts";

const settings = spellingSettings.parse({});

test("Hunspell: prefixes, suffixes with conditions, both together, hidden words", () => {
  const aff =
    "NOSUGGEST !\nPFX U Y 1\nPFX U 0 un .\nSFX D Y 2\nSFX D 0 d e\nSFX D y ied [^aeiou]y\nSFX N N 1\nSFX N 0 ness .\n";
  const forms = expandHunspell(aff, "4\nlike/UD\ntidy/UDN\nrude/!\nplain\n");
  expect([...forms].sort()).toEqual(
    ["like", "liked", "plain", "tidied", "tidy", "tidyness", "unlike", "unliked", "untidied", "untidy"].sort(),
  );
});

describe("symmetric deletes", () => {
  test("optimal string alignment distances", () => {
    // The classic pairs: CA to ABC is 3 (a swap may not be edited again).
    for (const [a, b, d] of [
      ["kitten", "sitting", 3],
      ["ca", "abc", 3],
      ["teh", "the", 1],
      ["", "ab", 2],
      ["same", "same", 0],
    ] as const) {
      expect(editDistance(a, b, 5)).toBe(d);
    }
    expect(editDistance("abcdefgh", "zyxwvuts", 2)).toBe(3);
  });
  test("finds exactly the words that a plain search finds", () => {
    let state = 9;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const word = (): string => Array.from({ length: 3 + random(8) }, () => "abcd"[random(4)] ?? "a").join("");
    const words = [...new Set(Array.from({ length: 400 }, word))].sort();
    const index = new SymSpell(words);
    for (let round = 0; round < 100; round++) {
      const wanted = word();
      for (const limit of [1, 2]) {
        const expected = words.filter((candidate) => editDistance(wanted, candidate, limit) <= limit);
        expect(index.lookup(wanted, limit).map((found) => found.word)).toEqual(expected);
      }
    }
  });
});

describe("correction", () => {
  const counts = new Map<string, number>();
  const common = "government themselves something because morning history letter people would which there modern well";
  for (const word of common.split(" ")) counts.set(word, 5000);
  let corrector: Corrector;
  beforeAll(() => {
    corrector = new Corrector(englishWords(), counts, settings);
  });
  const fix = (text: string, quotations = false) => correctText(text, corrector, { quotations }).text;

  test.each([
    ["Their govermnent changed.", "Their government changed."],
    ["It was somethlng else, becuase of the rnorning.", "It was something else, because of the morning."],
    ["The hist0ry of pe0ple, and the 1etter.", "The history of people, and the 1etter."],
    ["(thernselves)", "(themselves)"],
  ])("%s", (wrong, right) => expect(fix(wrong)).toBe(right));

  test.each([
    "Mr Govermnent met Becuase in Somethlng.",
    "Call `govermnent` or https://becuase.example/somethlng now.",
    "```\nbecuase somethlng\n```",
    'He said “becuase” and "somethlng else" twice.',
    "    becuase = somethlng(); // code",
    "camelCase becuase_of govermnent.txt a/becuase #becuase @becuase 3govermnent govermnent3x",
    "mp3 html5 utf8 x86 i18n 3rd 10th",
    "a well-known fibre colour, unfriendliest bookshelf",
    "这个 becuase2 词",
    "nothin' o'clock 'twould don't",
  ])("left alone: %s", (text) => expect(fix(text)).toBe(text));

  test("quotations too, when asked", () => {
    expect(fix("He said “becuase”.", true)).toBe("He said “because”.");
  });
  test("a word that the documents have often stays", () => {
    const own = new Map([...counts, ["becuase", 30]]);
    expect(new Corrector(englishWords(), own, settings).correct("becuase")).toBeUndefined();
  });
  test("the stage: a line in the ledger with the corrections; Chinese is none of its business", () => {
    const stage = createSpelling(settings, counts, ".");
    const document = (text: string, language: string) => ({ id: "0", text, source: "x", language, meta: {} });
    expect(stage.map(document("It was becuase of him.", "en"))).toEqual({
      keep: document("It was because of him.", "en"),
      parts: [{ rule: "spelling", value: 1, excerpt: "becuase → because" }],
    });
    expect(stage.map(document("becuase", "zh"))).toEqual({ keep: document("becuase", "zh") });
  });
  test.each([
    ["“", 1e5],
    ["`", 1e5],
    ["<", 1e5],
    ["a", 1e6],
    ["becuaze ", 1e5],
    ['"a', 5e4],
  ])("hostile: %s without end takes linear time", async (unit, size) => {
    await expectGrowth((count) => unit.repeat(count), size, fix);
  });
});

test("counts as a file, and from files", () => {
  const folder = mkdtempSync(join(tmpdir(), "nuwa-spell-"));
  const counts = new Map<string, number>();
  countWords("The cat, the dog’s cat. THE end 3d _x_", counts);
  expect(counts.get("the")).toBe(3);
  expect(writeCounts(counts)).toBe("cat\t2\nthe\t3\n");
  writeFileSync(join(folder, "a.tsv"), writeCounts(counts));
  writeFileSync(join(folder, "b.txt"), "the end");
  expect(readCounts(["a.tsv", "b.txt"], folder)).toEqual(
    new Map([
      ["cat", 2],
      ["the", 4],
      ["end", 1],
    ]),
  );
  writeFileSync(join(folder, "c.tsv"), "the three\n");
  expect(() => readCounts(["c.tsv"], folder)).toThrow(NuwaError);
  expect(() => readCounts(["none.txt"], folder)).toThrow(NuwaError);
});

test("counting forgets the rarest words when there are too many", () => {
  const counts = new Map<string, number>();
  countWords("a a a b b c d", counts, 4);
  expect([...counts]).toEqual([
    ["a", 3],
    ["b", 2],
    ["c", 1],
    ["d", 1],
  ]);
  // Five different words: those counted once go.
  countWords("b e", counts, 4);
  expect([...counts]).toEqual([
    ["a", 3],
    ["b", 3],
  ]);
  // None was counted once: those counted twice go too, and so on.
  countWords("f f g g h h", counts, 4);
  expect([...counts]).toEqual([
    ["a", 3],
    ["b", 3],
  ]);
});

const novels = `${process.env["NUWA_SHARED"] ?? "../shared"}/data/novels-en`;
test.skipIf(!existsSync(novels))(
  "noise in novels: precision at least 0.95 (needs the shared data)",
  () => {
    const texts = readdirSync(novels)
      .filter((file) => file.endsWith(".txt"))
      .map((file) => readFileSync(join(novels, file), "utf8"));
    const noisy = texts.map((text, i) => addNoise(text, 0.05, i + 1));
    const counts = new Map<string, number>();
    for (const { text } of noisy) countWords(text, counts);
    const corrector = new Corrector(englishWords(), counts, settings);
    let [changed, right, errors] = [0, 0, 0];
    for (const one of noisy) {
      const score = scoreCorrections(one, correctText(one.text, corrector, settings).text);
      changed += score.changed;
      right += score.right;
      errors += score.errors;
    }
    expect(right / changed).toBeGreaterThanOrEqual(0.95);
    expect(right / errors).toBeGreaterThanOrEqual(0.3);
  },
  120_000,
);
