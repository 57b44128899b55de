import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { expectGrowth } from "../../../../test/helpers/growth.ts";
import { NuwaError } from "../../../text/errors.ts";
import { evaluateClassifier, LinearClassifier, splitExamples, trainClassifier, type Labelled } from "./classifier.ts";
import { createHarm, harmTerms, readLabelled } from "./harm.ts";
import { harmSettings } from "./settings.ts";
import { WordLists } from "./word-lists.ts";

const folder = mkdtempSync(join(tmpdir(), "nuwa-harm-"));
const settings = harmSettings.parse({});
const lists = new WordLists(harmTerms(settings, folder), settings.context);
const terms = (text: string): string[] => lists.score(text).hits.map(({ term }) => term);
const document = (text: string) => ({ id: "0", text, source: "x", meta: {} });

describe("word lists", () => {
  test.each([
    ["you f*ck", "fuck"],
    ["FUCK!", "fuck"],
    ["sh1t happens", "shit"],
    ["fuuuuck off", "fuck"],
    ["what a b!tch", "bitch"],
    ["f.u.c.k you", "fuck"],
    ["s h i t", "shit"],
    ["@sshole", "asshole"],
    ["这是色*情网站", "色情"],
    ["赌 场开业", "赌场"],
    ["傻逼", "傻逼"],
    ["du Arschloch", "arschloch"],
  ])("%s", (text, term) => expect(terms(text)).toEqual([term])); // prettier-ignore

  test.each([
    "Scunthorpe and Essex",
    "a cockpit in Dickens",
    "class assignment",
    "it costs $100 and 50% more",
    "C++ and F# and a*b",
    "the 4x4 won 1st",
    "shiitake mushrooms",
    "色彩和情感",
    "a b c d e",
    "u.s.a. and i.e.",
  ])("nothing in %s", (text) => expect(terms(text)).toEqual([])); // prettier-ignore

  test("names, and words that mean something else in another language", () => {
    expect(terms('"Heed him not," said Dick. Dicks and Kike came too.')).toEqual([]);
    expect(terms("DICK, you dick")).toEqual(["dick", "dick"]);
    const inLanguage = (text: string, language: string): string[] =>
      lists.score(text, language).hits.map(({ term }) => term);
    expect(inLanguage("Vehículos con contrato, con la Alcaldía", "es")).toEqual([]);
    expect(inLanguage("He took a bite, then a slut", "fr")).toEqual(["bite"]);
    expect(inLanguage("a bite of bread", "en")).toEqual([]);
    expect(inLanguage("fucking Arschloch", "de")).toEqual(["fucking", "arschloch"]);
  });

  test("context takes two thirds of the weight away", () => {
    expect(lists.score("He was called a faggot by them.").weight).toBe(3);
    expect(lists.score("He was called a faggot, the court was told.").weight).toBe(1);
    expect(lists.score("警方查处了一个卖淫团伙").weight).toBeCloseTo(2 / 3, 12);
    expect(lists.score("提供卖淫服务").weight).toBe(2);
  });
});

describe("the stage", () => {
  const stage = createHarm(settings);
  const kept = (text: string): boolean => "keep" in stage.map(document(text));
  const filler = "The ferry left the island before sunrise while the lamps were still burning along the quay. ";
  test("a page of abuse goes, with what was found", () => {
    expect(stage.map(document("fuck you, you shitty b!tch, go fuck yourself"))).toMatchObject({
      drop: { rule: "harm.max_density", value: 8 / 8, threshold: 0.01, detail: "fuck, shitty, bitch" },
    });
    expect(kept("成人视频无码在线约炮援交")).toBe(false);
  });
  test("a coarse word alone does not, however often; with another it does", () => {
    expect(kept("crap crap crap crap crap crap")).toBe(true);
    expect(kept("crap crap crap damn damn damn")).toBe(false);
  });
  test("one word in a long text, news and medicine stay", () => {
    expect(kept(`${filler.repeat(20)} "Shit," he said.`)).toBe(true);
    expect(
      kept("Doctors reported that patients with breast cancer or infection of the penis and anus need treatment."),
    ).toBe(true);
    expect(kept("据报道，警方打击卖淫嫖娼，逮捕嫌疑人五名，法院作出判决。")).toBe(true);
    expect(
      kept("The court heard that he had shouted nigger at the victim, prosecutors said, and he was convicted."),
    ).toBe(true);
  });
  test("both sides of the bounds", () => {
    const text = `${"word ".repeat(496)}fuck fuck shit cunt`; // 500 words, weight 8: 0.016
    expect(kept(text)).toBe(false);
    const at = (more: object) => "keep" in createHarm(harmSettings.parse(more)).map(document(text));
    expect([
      at({ max_density: 0.016 }),
      at({ max_density: 0.0159 }),
      at({ min_weight: 8 }),
      at({ min_weight: 8.1 }),
    ]).toEqual([true, false, false, true]); // prettier-ignore
    expect(at({ max_density: null })).toBe(true);
  });
  test("the user's files add and allow", () => {
    writeFileSync(join(folder, "more"), "frobnicate\t3\n# a comment\nplainterm\n");
    writeFileSync(join(folder, "allow"), "fuck\n");
    const own = harmTerms(harmSettings.parse({ words: ["more"], allow: ["allow"], languages: ["en"] }), folder);
    expect([own.get("frobnicate")?.weight, own.get("plainterm")?.weight, own.has("fuck"), own.has("傻逼")]).toEqual([
      3,
      2,
      false,
      false,
    ]);
    expect(() => createHarm(harmSettings.parse({ words: ["missing"] }), folder)).toThrow(NuwaError);
  });
  test.each([
    ["*", 1e6],
    ["a ", 5e5],
    ["f*", 5e5],
    ["色", 1e6],
    ["a.", 5e5],
  ])("hostile: %s without end takes linear time", async (unit, size) => {
    await expectGrowth(
      (count) => document(unit.repeat(count)),
      size,
      (one) => stage.map(one),
    );
  });
});

describe("the classifier", () => {
  // Two vocabularies that overlap: sentences of either kind, in English and Chinese, by a fixed generator.
  const make = (n: number): Labelled[] => {
    let state = 17;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const both = "the a of and to in on with she he they it was were".split(" ");
    const bad = "idiot stupid hate kill ugly trash 去死 垃圾 白痴 滚开".split(" ");
    const good = "garden morning letter music river bread 早晨 花园 音乐 面包".split(" ");
    return Array.from({ length: n }, (_, i) => {
      const harmful = i % 3 === 0;
      const special = harmful ? bad : good;
      const word = (): string => (random(4) === 0 ? special : both)[random(10)] ?? "the";
      return { text: Array.from({ length: 12 }, word).join(" "), harmful };
    });
  };
  const { train, heldOut } = splitExamples(make(900), 0.2, 1);
  const model = trainClassifier(train, { size: 1 << 16 });

  test("learns, and is measured on what it has not seen", () => {
    const report = evaluateClassifier(model, heldOut, 0.5);
    expect([report.examples, train.length]).toEqual([180, 720]);
    expect(report.precision).toBeGreaterThan(0.9);
    expect(report.recall).toBeGreaterThan(0.9);
  });
  test("the same bits again, from a file too", () => {
    const bytes = model.toBytes();
    expect(Buffer.from(trainClassifier(train, { size: 1 << 16 }).toBytes()).equals(Buffer.from(bytes))).toBe(true);
    const again = LinearClassifier.fromBytes(bytes, "x");
    expect(again.probability("you idiot")).toBe(model.probability("you idiot"));
    for (const bad of [bytes.subarray(0, 100), Buffer.from("hello"), Buffer.alloc(0)]) {
      expect(() => LinearClassifier.fromBytes(bad, "x")).toThrow(NuwaError);
    }
  });
  test("one class alone is refused", () => {
    expect(() => trainClassifier([{ text: "a", harmful: true }])).toThrow(NuwaError);
  });
  test("in the stage, from a file", () => {
    writeFileSync(join(folder, "model"), model.toBytes());
    const stage = createHarm(harmSettings.parse({ classifier: "model" }), folder);
    expect(stage.map(document("stupid ugly trash 去死 they hate it"))).toMatchObject({
      drop: { rule: "harm.max_probability", threshold: 0.8 },
    });
    expect(stage.map(document("the garden was in the morning with music"))).toHaveProperty("keep");
  });
  test("labelled files", () => {
    writeFileSync(
      join(folder, "l.jsonl"),
      '{"text":"a","label":1}\n{"text":"b","label":"harmless"}\n\n{"text":"c","label":true}\n',
    );
    expect(readLabelled("l.jsonl", { text: "text", label: "label" }, folder).map(({ harmful }) => harmful)).toEqual([
      true,
      false,
      true,
    ]);
    writeFileSync(join(folder, "m.jsonl"), '{"text":"a","label":1}\n{"text":"b","label":"maybe"}\n');
    expect(() => readLabelled("m.jsonl", { text: "text", label: "label" }, folder)).toThrow(
      /m\.jsonl:2|true or false/u,
    );
  });
});
