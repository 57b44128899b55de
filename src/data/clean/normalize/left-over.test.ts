import { expect, test } from "vitest";
import { expectGrowth } from "../../../../test/helpers/growth.ts";
import { cleanText } from "./clean.ts";
import { cleanSettings } from "./settings.ts";
import { toSimplified } from "./simplified.ts";
import { removeTags } from "./tags.ts";

test.each([
  ["One<br/>two <b>three</b>", "One\ntwo three", 3],
  ['See <a href="x" target=_blank>this</a>.', "See this.", 2],
  ["a<script type='x'>if (a<b) {}</script>b<!-- no -->c", "abc", 2],
  ["a<style>p { x: y }</style>b", "ab", 1],
  ["if a < b and c > d", "if a < b and c > d", 0],
  ["Array<T> and <unknown> and <3", "Array<T> and <unknown> and <3", 0],
  ["use `<br>` here\n```html\n<p>x</p>\n```", "use `<br>` here\n```html\n<p>x</p>\n```", 0],
])("tags: %j", (text, left, count) => expect(removeTags(text)).toEqual({ text: left, count }));

test("entities of tags are no tags", () => {
  const settings = cleanSettings.parse({ tags: true });
  expect(cleanText("the &lt;b&gt; tag <b>x</b>", settings)).toMatchObject({
    text: "the <b> tag x",
    counts: { tags: 2, entities: 2 },
  });
});

test.each([
  ["<", 1e6],
  ["<script>", 1e5],
  ["<!--", 1e5],
  ["<a ", 1e5],
  ["<br", 3e5],
])("tags in hostile texts take linear time: %s", async (unit, size) => {
  await expectGrowth((count) => unit.repeat(count), size, removeTags);
});

// The pairs of one simplified character for several traditional ones.
test.each([
  ["頭髮與發展", "头发与发展"],
  ["皇后在後面", "皇后在后面"],
  ["乾淨的乾坤，幹部", "干净的乾坤，干部"],
  ["已经是简体字", "已经是简体字"],
])("%s is %s", (traditional, simplified) => {
  expect(toSimplified(traditional)).toBe(simplified);
  expect(toSimplified(traditional, "zh-TW")).toBe(simplified);
});
test("Japanese is left alone, and so is what is not asked for", () => {
  expect(toSimplified("発展の頭髪は國です")).toBe("発展の頭髪は國です");
  expect(toSimplified("頭髮", "ja")).toBe("頭髮");
  expect(cleanText("頭髮", cleanSettings.parse({})).text).toBe("頭髮");
  expect(cleanText("頭髮", cleanSettings.parse({ chinese: "simplified" })).text).toBe("头发");
});
