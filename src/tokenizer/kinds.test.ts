import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { NuwaError } from "../text/index.ts";
import { readTokenizerJson } from "./read/tokenizer-json.ts";
import { readSentencePiece } from "./read/sentencepiece.ts";
import { guessEncoding, readTiktoken, tiktokenEncodings } from "./read/tiktoken.ts";
import type { JsonObject, Tokenizer } from "./types.ts";

// Made by test/fixtures/tokenizer_kinds.py with Hugging Face tokenizers, sentencepiece and tiktoken.
interface Fixture {
  strings: string[];
  json: Record<string, { json: JsonObject; ids: number[][]; texts: string[]; pair: number[]; types: number[] }>;
  models: Record<string, { model: string; ids: number[][]; texts: string[] }>;
  tiktoken: Record<string, number[][]>;
  ranks: string;
}
const path = new URL("../../test/fixtures/tokenizer_kinds.json", import.meta.url);
const fixture = JSON.parse(readFileSync(path, "utf8")) as Fixture;

function streamed(tokenizer: Tokenizer, ids: readonly number[]): string {
  const decoder = tokenizer.streamDecoder({ skipSpecialTokens: true });
  return ids.map((id) => decoder.push(id)).join("") + decoder.flush();
}

describe.each(Object.entries(fixture.json))("tokenizer.json of %s", (_, { json, ids, texts, pair, types }) => {
  const tokenizer = readTokenizerJson(json, "fixture");

  test("the ids and texts of Hugging Face", () => {
    fixture.strings.forEach((text, index) => {
      const wanted = ids[index] ?? [];
      const got = tokenizer.encode(text, { allowSpecial: true, addSpecialTokens: true });
      expect([...got], JSON.stringify(text)).toEqual(wanted);
      expect(tokenizer.decode(wanted, { skipSpecialTokens: true })).toBe(texts[index]);
      expect(streamed(tokenizer, wanted)).toBe(texts[index]);
    });
  });

  test("two texts", () => {
    const both = tokenizer.encodePair?.("The potter", "takes clay", { addSpecialTokens: true });
    expect([...(both?.ids ?? [])]).toEqual(pair);
    // Without a post-processor Hugging Face counts the second text's type too.
    if (json["post_processor"] !== null) expect([...(both?.typeIds ?? [])]).toEqual(types);
  });
});

describe.each(Object.entries(fixture.models))("SentencePiece model: %s", (_, { model, ids, texts }) => {
  const bytes = Buffer.from(model, "base64");
  const tokenizer = readSentencePiece(bytes, "fixture.model");

  test("the ids and texts of sentencepiece", () => {
    fixture.strings.forEach((text, index) => {
      expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(ids[index]);
      expect(tokenizer.decode(ids[index] ?? [])).toBe(texts[index]);
    });
  });

  test("its tokenizer.json can be read and cuts plain text alike", () => {
    const again = readTokenizerJson(JSON.parse(JSON.stringify(tokenizer.toJSON())), "again");
    for (const text of ["The potter takes the sun", "女娲抟土造人", "In 1024 there were pots"]) {
      expect([...again.encode(text)]).toEqual([...tokenizer.encode(text)]);
    }
  });

  test("cut short anywhere: an error that says so, or a model", () => {
    let refused = 0;
    for (let size = 0; size < bytes.length; size += 97) {
      try {
        readSentencePiece(bytes.subarray(0, size), "cut.model");
      } catch (error) {
        expect(error).toBeInstanceOf(NuwaError);
        expect(error).toMatchObject({ code: "FILE", where: "cut.model" });
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(10);
  });

  test("one byte changed: never anything but a NuwaError", () => {
    for (let at = 0; at < bytes.length; at += 61) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 0xff;
      try {
        readSentencePiece(damaged, "damaged.model").encode("The potter\ttakes ﬁ clay, 女娲");
      } catch (error) {
        expect(error).toBeInstanceOf(NuwaError);
      }
    }
  });
});

describe("tiktoken", () => {
  test.each(Object.entries(fixture.tiktoken))("%s: the ids of tiktoken", (name, ids) => {
    const encoding = tiktokenEncodings[name];
    expect(encoding).toBeDefined();
    const tokenizer = readTiktoken(fixture.ranks, { pattern: encoding?.pattern ?? "", special: {} }, "fixture");
    fixture.strings.forEach((text, index) => {
      expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(ids[index]);
      expect(tokenizer.decode(ids[index] ?? [])).toBe(text);
    });
    const again = readTokenizerJson(tokenizer.toJSON(), "again");
    for (const text of [...fixture.strings, "a  \n b \t\n\n", "x \n", " \n  "]) {
      expect([...again.encode(text)], JSON.stringify(text)).toEqual([...tokenizer.encode(text)]);
    }
  });

  test("control tokens of cl100k have OpenAI's ids", () => {
    expect(tiktokenEncodings["cl100k_base"]?.special).toMatchObject({
      "<|endoftext|>": 100257,
      "<|fim_prefix|>": 100258,
      "<|fim_suffix|>": 100260,
      "<|endofprompt|>": 100276,
    });
    expect(guessEncoding("some/o200k_base.tiktoken", 7)).toBe("o200k_base");
    expect(guessEncoding("ranks.tiktoken", 100256)).toBe("cl100k_base");
    expect(guessEncoding("ranks.tiktoken", 7)).toBeUndefined();
  });

  const plain = { pattern: "\\S+", special: {} };
  test.each([
    ["nothing", "", "without a rank"],
    ["no base64", "a*b 0\n", "a*b"],
    ["base64 cut short", "YWI 0\n", "cut short"],
    ["no rank", "YWI=\n", "YWI="],
    ["a rank twice", "YQ== 0\nYg== 0\n", "rank 0 stands twice"],
    ["a token twice", "YQ== 0\nYQ== 1\n", "stands twice"],
    ["a huge rank", "YQ== 99999999\n", "99999999"],
    ["a byte missing", "YQ== 0\n", "byte 0"],
  ])("%s is named", (_, text, message) => {
    expect(() => readTiktoken(text, plain, "x.tiktoken")).toThrow(NuwaError);
    expect(() => readTiktoken(text, plain, "x.tiktoken")).toThrow(message);
  });
});

describe("malformed parts of tokenizer.json", () => {
  const unigram = fixture.json["t5"]?.json ?? {};
  const bert = fixture.json["bert-cased"]?.json ?? {};
  const model = (json: JsonObject, change: JsonObject): JsonObject => {
    return { ...json, model: { ...(json["model"] as JsonObject), ...change } };
  };
  test.each([
    ["unk_id past the end", model(unigram, { unk_id: 100000 }), "model.unk_id"],
    ["no entries", model(unigram, { vocab: [] }), "model.vocab"],
    ["a score that is text", model(unigram, { vocab: [["a", "b"]] }), "model.vocab[0][1]"],
    ["charsmap no base64", { ...unigram, normalizer: { type: "Precompiled", precompiled_charsmap: "%%" } }, "base64"],
    [
      "charsmap cut short",
      { ...unigram, normalizer: { type: "Precompiled", precompiled_charsmap: "/////w==" } },
      "trie",
    ],
    ["no unknown token", model(bert, { unk_token: "<none>" }), "model.unk_token"],
    [
      "a regex that is none",
      { ...bert, pre_tokenizer: { type: "Split", pattern: { Regex: "(" }, behavior: "Removed" } },
      "pattern",
    ],
    [
      "a template without its token",
      {
        ...bert,
        post_processor: {
          type: "TemplateProcessing",
          single: [{ SpecialToken: { id: "[X]", type_id: 0 } }],
          pair: [],
          special_tokens: {},
        },
      },
      "[X]",
    ],
  ])("%s is named", (_, json, message) => {
    expect(() => readTokenizerJson(json, "file.json")).toThrow(NuwaError);
    expect(() => readTokenizerJson(json, "file.json")).toThrow(message);
  });

  test("text never becomes a control token by itself", () => {
    for (const { json } of Object.values(fixture.json)) {
      const tokenizer = readTokenizerJson(json, "fixture");
      const special = new Set(tokenizer.specialTokens.values());
      const text = [...tokenizer.specialTokens.keys()].join(" a ");
      const unknown = tokenizer.unknownId;
      expect([...tokenizer.encode(text)].filter((id) => special.has(id) && id !== unknown)).toEqual([]);
    }
  });
});
