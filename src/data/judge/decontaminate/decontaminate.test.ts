import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { NuwaError } from "../../../text/errors.ts";
import { createDecontaminate, readBenchmark } from "./decontaminate.ts";
import { BenchmarkIndex } from "./index-benchmarks.ts";
import { decontaminateSettings } from "./settings.ts";

const folder = mkdtempSync(join(tmpdir(), "nuwa-bench-"));
const QUESTION = "Which of these animals that live in the northern sea sleeps with one half of its brain?";
const CHINESE = "下列动物中哪一种在睡觉时只有半个大脑休息而另半个醒着";
writeFileSync(
  join(folder, "a.jsonl"),
  `${JSON.stringify({ id: 1, q: QUESTION, choices: ["seal", "cod"] })}\n{"q":"Too short?"}\n`,
);
writeFileSync(join(folder, "b.csv"), `${CHINESE},甲,乙\n`);
const settings = (more: object = {}) => decontaminateSettings.parse({ benchmarks: ["a.jsonl", "b.csv"], ...more });
const document = (text: string) => ({ id: "0", text, source: "x", meta: {} });
const filler =
  "The tide came in over the flat grey stones and nobody on the long quay looked up from his work. ".repeat(8);
const words = QUESTION.replace("?", "").split(" ");

describe("hits", () => {
  const stage = createDecontaminate(settings(), folder);
  test("13 words in a row are a hit, 12 are not; case and punctuation do not matter", () => {
    const thirteen = words.slice(0, 13).join(", ").toUpperCase();
    const twelve = words.slice(0, 12).join(" ");
    expect(stage.map(document(`He said: ${twelve} ... and left.`))).toHaveProperty("keep");
    expect(stage.map(document(`He said: ${thirteen}.`))).toMatchObject({
      drop: { rule: "decontaminate.document", value: 13, threshold: 13, detail: "a.jsonl#1", excerpt: thirteen },
    });
  });
  test("13 Han characters, whatever stands between them", () => {
    expect(stage.map(document(`问：${CHINESE.slice(3, 15)}吗？`))).toHaveProperty("keep");
    expect(stage.map(document(`问：${Array.from(CHINESE.slice(3, 16)).join(" ")}吗？`))).toMatchObject({
      drop: { value: 13, detail: "b.csv#1" },
    });
  });
  test("a longer stretch is one hit with its length", () => {
    expect(stage.map(document(`x ${QUESTION} y`))).toMatchObject({
      drop: { value: words.length, excerpt: QUESTION.slice(0, -1) },
    });
  });
  test("apostrophes of both kinds are the same", () => {
    const index = new BenchmarkIndex({ words: 5, han: 5 });
    index.add({ name: "i", text: "We don't know what it is" });
    expect(index.find("we don’t know what it")).toEqual([{ start: 0, end: 21, item: "i", tokens: 5 }]);
  });
  test("the same hits as the plain definition, on random words", () => {
    let state = 5;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const some = (n: number): string[] => Array.from({ length: n }, () => "abc"[random(3)] ?? "a");
    for (let round = 0; round < 50; round++) {
      const index = new BenchmarkIndex({ words: 4, han: 4 });
      const items = Array.from({ length: 3 }, () => some(8));
      for (const [i, item] of items.entries()) index.add({ name: String(i), text: item.join(" ") });
      const text = some(40);
      const grams = new Set(items.flatMap((item) => item.slice(3).map((_, i) => item.slice(i, i + 4).join(" "))));
      const covered = text.map(() => false);
      for (let i = 0; i + 4 <= text.length; i++) {
        if (grams.has(text.slice(i, i + 4).join(" "))) covered.fill(true, i, i + 4);
      }
      const found = text.map(() => false);
      for (const { start, end } of index.find(text.join(" "))) found.fill(true, start / 2, (end + 1) / 2);
      expect(found).toEqual(covered);
    }
  });
});

describe("cutting parts out", () => {
  test("the hit goes with what stands around it, and the ends stay", () => {
    const stage = createDecontaminate(settings({ action: "part", around: 10, min_characters: 50 }), folder);
    const verdict = stage.map(document(`${filler}BEFORE HIT ${QUESTION} AFTER HIT${filler}`));
    expect(verdict).toMatchObject({ parts: [{ rule: "decontaminate.part", value: 1, detail: "a.jsonl#1" }] });
    const text = "keep" in verdict ? verdict.keep.text : "";
    expect(text).not.toMatch(/animals|FORE HIT|AFTER HI/u);
    // Ten characters on each side: of the words around, a B and a T are left (the question mark is no part of the hit).
    expect(text).toBe(`${filler}B\n\nT${filler.trimEnd()}`);
  });
  test("too many pieces, and nothing left", () => {
    const many = createDecontaminate(settings({ action: "part", around: 0, max_parts: 2, min_characters: 0 }), folder);
    expect(many.map(document(`x ${QUESTION} y ${QUESTION} z`))).toMatchObject({
      drop: { rule: "decontaminate.max_parts", value: 3, threshold: 2 },
    });
    const none = createDecontaminate(settings({ action: "part" }), folder);
    expect(none.map(document(QUESTION))).toMatchObject({ drop: { rule: "decontaminate.nothing_left" } });
  });
});

test("files of several kinds, and those that are none", () => {
  writeFileSync(join(folder, "c.json"), JSON.stringify({ data: [{ a: "x", b: ["y", { c: "z" }] }] }));
  expect(readBenchmark("c.json", folder)).toEqual([{ name: "c.json#1", text: "x\ny\nz" }]);
  writeFileSync(join(folder, "d.txt"), "one\n\ntwo\nthree\n");
  expect(readBenchmark("d.txt", folder).map(({ text }) => text.trim())).toEqual(["one", "two\nthree"]);
  writeFileSync(join(folder, "e.json"), "{");
  expect(() => readBenchmark("e.json", folder)).toThrow(NuwaError);
  expect(() => readBenchmark("none.json", folder)).toThrow(NuwaError);
});

const shared = `${process.env["NUWA_SHARED"] ?? "../shared"}/data`;
test.skipIf(!existsSync(`${shared}/gsm8k/test.jsonl`))(
  "a real benchmark finds itself and not a novel (needs the shared data)",
  () => {
    const stage = createDecontaminate(decontaminateSettings.parse({ benchmarks: [`${shared}/gsm8k/test.jsonl`] }));
    const [item] = readBenchmark(`${shared}/gsm8k/test.jsonl`);
    expect(stage.map(document(`Some words. ${item?.text ?? ""}`))).toHaveProperty("drop");
    const text = readFileSync(`${shared}/tinyshakespeare/input.txt`, "utf8");
    expect(stage.map(document(text))).toHaveProperty("keep");
  },
);
