import { describe, expect, test } from "vitest";
import { detectLanguage } from "./language.ts";
import { filterSettings } from "./settings.ts";

const settings = filterSettings.parse({}).language;

describe("detectLanguage", () => {
  test.each([
    ["en", "The old lighthouse keeper walked down to the harbour every morning and counted the fishing boats."],
    ["de", "Der alte Leuchtturmwärter ging jeden Morgen zum Hafen hinunter und zählte die Fischerboote im Wasser."],
    ["fr", "Le vieux gardien du phare descendait au port tous les matins et comptait les bateaux de pêche."],
    ["ru", "Старый смотритель маяка каждое утро спускался в гавань и считал рыбацкие лодки."],
    ["ja", "年老いた灯台守は毎朝港まで歩いて行き、漁船の数を数えていました。"],
    ["zh", "老灯塔看守人每天早上都走到港口，数一数渔船。"],
    ["zh", "我用 Python 写了一个小程序。"],
    ["zh", "道可道，非常道。"],
    ["zh", "好"],
  ])("%s: %s", (language, text) => {
    const found = detectLanguage(text, settings);
    expect(found.language).toBe(language);
    expect(found.score).toBeGreaterThanOrEqual(0.65);
  });

  test("short English notes and lists of rare words stay English", () => {
    for (const text of ["a small boat", "domestic cats", "pheasants; turkeys; grouse; partridges; quails; chickens"]) {
      expect(detectLanguage(text, settings), text).toEqual({ language: "en", score: 1, allowed: 1 });
    }
  });

  test("a short German sentence is not taken for English", () => {
    expect(detectLanguage("Guten Morgen, wie geht es Ihnen heute?", settings).language).toBe("de");
  });

  test("nothing to tell", () => {
    for (const text of ["", "12 + 34 = !!", "\ud800"])
      expect(detectLanguage(text, settings).score).toBeLessThanOrEqual(1);
    expect(detectLanguage("", settings)).toEqual({ language: "und", score: 0, allowed: 0 });
    expect(detectLanguage("=== !!! ---", settings)).toEqual({ language: "und", score: 0, allowed: 0 });
  });

  test("the shares of allowed languages add up: Chinese full of English terms", () => {
    const text =
      "用 React 写 component 时，state 要放在最近的 parent 里，child 通过 props 读取；如果 props drilling 太深，可以换成 context 或者 external store。";
    const both = detectLanguage(text, settings);
    expect(both.language).toBe("zh");
    expect(both.score).toBeLessThan(0.65);
    expect(both.allowed).toBeCloseTo(1, 12);
    expect(detectLanguage(text, { ...settings, allowed: ["zh"] }).allowed).toBe(both.score);
    const german = text.replace(/[A-Za-z]+(?: [A-Za-z]+)*/gu, "Der Junge ging mit seiner Mutter über die Brücke");
    expect(detectLanguage(german, settings).allowed).toBeLessThan(0.65);
  });

  test("Korean with Chinese characters in it is Korean", () => {
    const text = "大韓民國의 主權은 國民에게 있고, 모든 權力은 國民으로부터 나온다. 大統領은 國民의 選擧로 選出한다.";
    expect(detectLanguage(text, settings).language).toBe("ko");
  });

  test("a long text with a few windows that cannot be told is read further", () => {
    const german = "Der alte Leuchtturmwärter ging jeden Morgen zum Hafen hinunter und zählte die Boote. ";
    const names = "Xq Zk 17 B4, Vw 99 Rt; 12 Pq 7 Lm — ".repeat(8);
    const text = german.repeat(8) + names + german.repeat(18) + names + german.repeat(8);
    const { language, score } = detectLanguage(text, { ...settings, allowed: ["de"] });
    expect(language).toBe("de");
    expect(score).toBeGreaterThan(0.8);
  });

  test("letters thrown together are no language", () => {
    const text = "xqzj vwkf gqpx zzkj wqvb xxkq pfgj qwzx vkjq ".repeat(20);
    expect(detectLanguage(text, settings).score).toBeLessThan(0.65);
  });

  test("the whole of a long text is looked at, not its beginning", () => {
    const english = "The old lighthouse keeper walked down to the harbour every morning and counted the boats. ";
    const german = "Der alte Leuchtturmwärter ging jeden Morgen zum Hafen hinunter und zählte die Boote. ";
    const found = detectLanguage(english.repeat(20) + german.repeat(120), settings);
    expect(found.language).toBe("de");
    const half = detectLanguage(english.repeat(100) + german.repeat(100), settings);
    expect(half.score).toBeCloseTo(0.5, 12);
  });
});
