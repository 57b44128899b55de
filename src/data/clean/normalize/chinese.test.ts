import { expect, test } from "vitest";
import { cleanText } from "./clean.ts";
import { repairGbkMojibake } from "./gbk-mojibake.ts";
import { joinHan } from "./han-spaces.ts";
import { cleanSettings } from "./settings.ts";
import { toSimplified } from "./simplified.ts";

const gbk = new TextDecoder("gbk");

test.each([
  "你好，世界。他说：“今天的天气很好，我们去河边走走吧。”",
  "标题：春天\n\n春天来了，河水涨了，孩子们在岸边放风筝。\nThe second line is English.\n老人们坐在树下，“下棋”，喝茶。",
])("UTF-8 read as GBK is read again: %s", (text) => {
  const broken = gbk.decode(Buffer.from(text));
  expect(broken).not.toBe(text);
  const { text: repaired, count } = repairGbkMojibake(broken);
  const runs = text.match(/[\u0080-\uffff]+/gu) ?? [];
  expect(count).toBe(runs.length);
  // The last byte before an ASCII character may be lost for ever, and the letter that it belonged to.
  const lines = text.split("\n");
  for (const [k, line] of repaired.split("\n").entries()) {
    const wanted = lines[k] ?? "";
    expect([wanted, wanted.slice(0, -1) + "\ufffd"]).toContain(line);
  }
});

test("a reader that replaced the byte 80 by U+FFFD", () => {
  const broken = gbk.decode(Buffer.from("你好，世界。他说的对，就是这样。")).replaceAll("€", "\ufffd");
  expect(repairGbkMojibake(broken).text).toContain("你好，世界。他说的对，就是这样");
});

test("good Chinese stays, also with the rare characters that are the evidence", () => {
  for (const text of [
    "锛是一种旧时的译名用字，见于化学史。",
    "化学元素钬，旧作鈥，原子序数六十七。",
    "春天来了，河水涨了。",
  ]) {
    expect(repairGbkMojibake(text)).toEqual({ text, count: 0 });
  }
});

test.each([
  ["中 文 分 词 是 一 个 问 题", "中文分词是一个问题"],
  ["2 0 2 3 年 的 春 天", "2023年的春天"],
  ["他 说 ： “ 今 天 很 好 。 ” And then a line.", "他说：“今天很好。” And then a line."],
  ["北京 上海 广州 深圳", "北京 上海 广州 深圳"],
  ["春水碧于天 画船听雨眠", "春水碧于天 画船听雨眠"],
  ["甲 乙 丙", "甲 乙 丙"],
  ["1 2 3 4 5 6", "1 2 3 4 5 6"],
  ["表 1 2 3 4 5 6 7", "表 1 2 3 4 5 6 7"],
])("spaces between characters: %s", (text, expected) => {
  expect(joinHan(text)).toBe(expected);
  expect(cleanText(text, cleanSettings.parse({})).text).toBe(cleanText(expected, cleanSettings.parse({})).text);
});

test("hostile texts take linear time", () => {
  // Each position is tried once: a square would be 10^12 steps, and the test would not end.
  expect(joinHan("中 ".repeat(5e5)).length).toBe(5e5 + 1);
  expect(joinHan("中1 ".repeat(3e5))).toBe("中1 ".repeat(3e5));
  expect(repairGbkMojibake("锛".repeat(3e5)).text.length).toBeGreaterThan(0);
});

test("Taiwan's 著 by phrase; its words where asked for", () => {
  expect(toSimplified("他看著這本名著")).toBe("他看着这本名著");
  expect(toSimplified("他看著這本名著", "zh", "standard")).toBe("他看著这本名著");
  expect(toSimplified("線上軟體", "zh", "taiwan_words")).toBe("在线软件");
  const settings = cleanSettings.parse({ chinese: "simplified", chinese_variant: "taiwan_words" });
  expect(cleanText("線上軟體", settings).text).toBe("在线软件");
});
