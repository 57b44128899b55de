import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { chunkRules } from "./chunk-rules.ts";
import { readTokenizerJson } from "./tokenizer-json.ts";
import type { JsonObject } from "../types.ts";

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../test/fixtures/${name}.json`, import.meta.url), "utf8"));
const kinds = read("tokenizer_kinds") as { json: Record<string, { json: JsonObject }> };
const options = read("tokenizer_options") as { tokenizers: Record<string, { json: JsonObject }> };
const all = Object.entries({ ...kinds.json, ...options.tokenizers }).map(([name, { json }]) => [name, json] as const);

const rulesOf = (json: JsonObject) =>
  chunkRules({
    normalizer: json["normalizer"],
    preTokenizer: json["pre_tokenizer"],
    added: [],
    normalize: undefined,
    cutBeforeRuns: "▁",
  });

/** Numerical Recipes' linear congruential generator: tests need the same strings each time. */
function randomTexts(count: number): string[] {
  const blanks = ["\u00a0", "\u3000", "  ", "\u00ad", "\u0001"];
  const marks = ["\u0301", "\u3099", "\u11a8", "\u0600", "´", "e\u0301", "\ud800"];
  const words = ["the", "potter", " and", "Hello", "``", "''", "<sep>", "é", "ﬁ"];
  const others = ["中", "土", "，", "。", "「", "🙂", "👩‍👧", "カ", "한"];
  const alphabet = [..."      \t\n.,'sSTl19#_abcHo▁", ...blanks, ...marks, ...words, ...others];
  let state = 3;
  const below = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  return Array.from({ length: count }, () =>
    Array.from({ length: 2 + below(24) }, () => alphabet[below(alphabet.length)] ?? "").join(""),
  );
}

const texts = randomTexts(400);

describe("text is cut before it is normalized without a difference", () => {
  test("in most kinds", () => {
    const cut = all.filter(([, json]) => rulesOf(json) !== undefined).map(([name]) => name);
    expect(cut).toEqual(expect.arrayContaining(["bert-uncased", "bert-cased", "t5", "albert", "llama", "classic"]));
  });

  test.each(all.filter(([, json]) => rulesOf(json) !== undefined))("%s", (_, json) => {
    const tokenizer = readTokenizerJson(json, "fixture");
    // A token that is searched for in normalized text forbids cutting, and never occurs.
    const never = {
      id: tokenizer.vocabSize,
      content: "\ue123\ue124",
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: true,
      special: false,
    };
    const whole = readTokenizerJson(
      { ...json, added_tokens: [...(json["added_tokens"] as JsonObject[]), never] },
      "fixture",
    );
    for (const text of texts) {
      const wanted = encode(whole, text);
      expect(encode(tokenizer, text), JSON.stringify(text)).toEqual(wanted);
      // The ids that are kept by now are the same.
      expect(encode(tokenizer, text), JSON.stringify(text)).toEqual(wanted);
    }
  });
});

/** The ids, or what the tokenizer says of text that it cannot write. */
function encode(tokenizer: ReturnType<typeof readTokenizerJson>, text: string): number[] | string {
  try {
    return [...tokenizer.encode(text)];
  } catch (error) {
    return String(error).replace(/for ".*", and/su, "");
  }
}

test("what reaches over a blank, or only knows the ends of a text, is not cut", () => {
  const bert = { type: "BertPreTokenizer" };
  const metaspace = { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: true };
  const replace = (pattern: string) => ({
    type: "Replace",
    pattern: { String: pattern },
    content: "x",
  });
  for (const json of [
    { normalizer: { type: "Strip", strip_left: true, strip_right: true }, pre_tokenizer: bert },
    { normalizer: replace("a b"), pre_tokenizer: bert },
    {
      normalizer: { type: "Replace", pattern: { Regex: "a +b" }, content: "x" },
      pre_tokenizer: bert,
    },
    { normalizer: { type: "Lowercase" }, pre_tokenizer: metaspace },
    {
      normalizer: null,
      pre_tokenizer: {
        type: "Split",
        pattern: { String: "a" },
        behavior: "Isolated",
        invert: false,
      },
    },
    { normalizer: null, pre_tokenizer: null },
  ]) {
    expect(rulesOf(json), JSON.stringify(json)).toBeUndefined();
  }
  expect(rulesOf({ normalizer: replace("``"), pre_tokenizer: bert })).toBeDefined();
});
