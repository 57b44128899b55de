import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { NuwaError } from "../text/index.ts";
import { readTokenizerJson } from "./read/tokenizer-json.ts";
import { readDecoder } from "./steps/decoders.ts";
import { readNormalizer } from "./steps/normalizers.ts";
import { toJavaScriptRegex } from "./steps/pattern.ts";
import { forEachPiece, regexScanner, type PreTokenizerStep } from "./steps/pieces.ts";
import { readPreTokenizer } from "./steps/pre-tokenizer-json.ts";
import type { JsonObject } from "./types.ts";

// Made by test/fixtures/tokenizer_options.py with Hugging Face tokenizers.
interface Fixture {
  texts: string[];
  tokens: string[][];
  /** The options that the library writes, by section and step. */
  options: Record<string, Record<string, string[]>>;
  steps: Record<string, string[]>;
  patterns: { pattern: string; pieces: string[][] }[];
  refusedPatterns: Record<string, string>;
  preTokenizers: { json: JsonObject; pieces: string[][] }[];
  normalizers: { json: JsonObject; texts: string[] }[];
  decoders: { json: JsonObject; texts: string[] }[];
  tokenizers: Record<
    string,
    {
      json: JsonObject;
      /** Text where the library refuses to encode. */
      ids: (number[] | string)[];
      texts: (string | null)[];
      pair: [number[], number[]];
      bare: [number[], number[]];
    }
  >;
}
const path = new URL("../../test/fixtures/tokenizer_options.json", import.meta.url);
const fixture = JSON.parse(readFileSync(path, "utf8")) as Fixture;

function pieces(steps: readonly PreTokenizerStep[], text: string): string[] {
  const result: string[] = [];
  forEachPiece(steps, text, (whole, start, end) => result.push(whole.slice(start, end)));
  return result;
}

describe("split patterns", () => {
  test.each(fixture.patterns)("$pattern cuts as Oniguruma does", ({ pattern, pieces: wanted }) => {
    const steps = [{ scan: regexScanner(toJavaScriptRegex(pattern)) }];
    fixture.texts.forEach((text, i) => expect(pieces(steps, text), JSON.stringify(text)).toEqual(wanted[i]));
  });

  test.each(Object.entries(fixture.refusedPatterns))("%s is refused by name", (pattern, name) => {
    expect(() => toJavaScriptRegex(pattern)).toThrow(SyntaxError);
    expect(() => toJavaScriptRegex(pattern)).toThrow(name);
  });
});

test.each(fixture.preTokenizers.map(({ json, pieces: wanted }) => [JSON.stringify(json), json, wanted] as const))(
  "pre-tokenizer %s",
  (_, json, wanted) => {
    const { steps } = readPreTokenizer(json, "fixture", false);
    fixture.texts.forEach((text, i) => expect(pieces(steps, text), JSON.stringify(text)).toEqual(wanted[i]));
  },
);

test.each(fixture.normalizers.map(({ json, texts }) => [JSON.stringify(json), json, texts] as const))(
  "normalizer %s",
  (_, json, texts) => {
    const normalize = readNormalizer(json, "fixture") ?? ((text: string) => text);
    expect(fixture.texts.map(normalize)).toEqual(texts);
  },
);

test.each(fixture.decoders.map(({ json, texts }) => [JSON.stringify(json), json, texts] as const))(
  "decoder %s",
  (_, json, texts) => {
    const decode = readDecoder(json, "fixture");
    expect(fixture.tokens.map((tokens) => decode(tokens).join(""))).toEqual(texts);
  },
);

describe.each(Object.entries(fixture.tokenizers))("tokenizer %s", (_, { json, ids, texts, pair, bare }) => {
  test("ids and texts", () => {
    const tokenizer = readTokenizerJson(json, "fixture");
    fixture.texts.forEach((text, i) => {
      const wanted = ids[i] ?? [];
      const encode = (): number[] => [...tokenizer.encode(text, { allowSpecial: true, addSpecialTokens: true })];
      if (typeof wanted === "string") expect(encode, JSON.stringify(text)).toThrow(NuwaError);
      else {
        expect(encode(), JSON.stringify(text)).toEqual(wanted);
        expect(tokenizer.decode(wanted), JSON.stringify(text)).toBe(texts[i]);
      }
    });
  });

  test("two texts and their types", () => {
    const tokenizer = readTokenizerJson(json, "fixture");
    for (const [addSpecialTokens, [wantedIds, types]] of [
      [true, pair],
      [false, bare],
    ] as const) {
      const both = tokenizer.encodePair?.("a", "b", { addSpecialTokens, allowSpecial: true });
      expect([...(both?.ids ?? [])]).toEqual(wantedIds);
      expect([...(both?.typeIds ?? [])]).toEqual(types);
    }
  });
});

describe("every option of the format has a verdict", () => {
  /** Options of which not two values are compared above, and why. */
  const verdicts: Readonly<Record<string, string>> = {
    "decoder.ByteLevel.add_prefix_space": "without effect",
    "decoder.ByteLevel.trim_offsets": "without effect",
    "decoder.ByteLevel.use_regex": "without effect",
    "post_processor.ByteLevel.add_prefix_space": "offsets only",
    "post_processor.ByteLevel.trim_offsets": "offsets only",
    "post_processor.ByteLevel.use_regex": "offsets only",
    "post_processor.RobertaProcessing.add_prefix_space": "offsets only",
    "post_processor.RobertaProcessing.trim_offsets": "offsets only",
    "post_processor.RobertaProcessing.cls": "a token, as in BertProcessing",
    "post_processor.RobertaProcessing.sep": "a token, as in BertProcessing",
    "post_processor.BertProcessing.cls": "one token and its place compared",
    "post_processor.BertProcessing.sep": "one token and its place compared",
    "model.BPE.dropout": "refused above 0",
    "added_tokens.AddedToken.id": "refused where the library would number otherwise",
    "file.Tokenizer.padding": "left to the caller, as transformers does",
    "file.Tokenizer.truncation": "left to the caller, as transformers does",
    "file.Tokenizer.version": "without effect",
    "model.WordPiece.vocab": "the vocabulary",
    "model.WordLevel.vocab": "the vocabulary",
    "model.Unigram.vocab": "the vocabulary",
    "normalizer.Precompiled": "compared in kinds.test.ts",
  };

  /** Every object with a `type` in a JSON value, by its type, and the added tokens. */
  function* parts(value: unknown): Generator<[string, JsonObject]> {
    if (typeof value !== "object" || value === null) return;
    if (Array.isArray(value)) {
      for (const one of value) yield* parts(one);
      return;
    }
    const object = value as JsonObject;
    if (typeof object["type"] === "string") yield [object["type"], object];
    for (const [key, inner] of Object.entries(object)) {
      if (key === "added_tokens") for (const token of inner as JsonObject[]) yield ["AddedToken", token];
      else if (key !== "vocab" && key !== "merges") yield* parts(inner);
    }
  }

  const compared: Readonly<Record<string, readonly unknown[]>> = {
    pre_tokenizer: fixture.preTokenizers.map(({ json }) => json),
    normalizer: fixture.normalizers.map(({ json }) => json),
    decoder: fixture.decoders.map(({ json }) => json),
    post_processor: Object.values(fixture.tokenizers).map(({ json }) => json["post_processor"]),
    model: Object.values(fixture.tokenizers).map(({ json }) => json["model"]),
    added_tokens: Object.values(fixture.tokenizers).map(({ json }) => ({ added_tokens: json["added_tokens"] })),
    file: Object.values(fixture.tokenizers).map(({ json }) => ({ type: "Tokenizer", ...json })),
  };
  const values = new Map<string, Set<string>>();
  for (const [section, jsons] of Object.entries(compared)) {
    for (const [type, part] of parts(jsons)) {
      for (const [option, value] of Object.entries(part)) {
        const name = option === "type" ? `${section}.${type}` : `${section}.${type}.${option}`;
        values.set(name, (values.get(name) ?? new Set()).add(JSON.stringify(value)));
      }
    }
  }

  test("steps and models", () => {
    for (const [section, types] of Object.entries(fixture.steps)) {
      for (const type of types) {
        const name = `${section}.${type}`;
        expect(values.has(name) || name in verdicts, name).toBe(true);
      }
    }
  });

  test("options", () => {
    for (const [section, types] of Object.entries(fixture.options)) {
      for (const [type, options] of Object.entries(types)) {
        for (const option of options) {
          const name = `${section}.${type}.${option}`;
          expect((values.get(name)?.size ?? 0) > 1 || name in verdicts, name).toBe(true);
        }
      }
    }
  });

  const plain = fixture.tokenizers["BPE bytes, nothing else"]?.json ?? {};
  const change = (key: string, value: JsonObject): JsonObject => {
    return { ...plain, [key]: { ...(plain[key] as JsonObject), ...value } };
  };
  const token = { content: "<x>", single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  test.each<[string, JsonObject, string]>([
    ["dropout", change("model", { dropout: 0.1 }), "model.dropout"],
    ["an option of a model that is not known", change("model", { cache: true }), '"cache"'],
    ["an option of a pre-tokenizer that is not known", change("pre_tokenizer", { lowercase: true }), '"lowercase"'],
    ["an option of a decoder that is not known", change("decoder", { lowercase: true }), '"lowercase"'],
    ["a step that is not known", change("pre_tokenizer", { type: "Words" }), "pre_tokenizer.type"],
    ["an option of a token that is not known", { ...plain, added_tokens: [{ id: 262, ...token, x: 1 }] }, '"x"'],
    ["an id that the library would not give", { ...plain, added_tokens: [{ id: 300, ...token }] }, "expected 262"],
    [
      "two steps that add tokens",
      {
        ...plain,
        post_processor: {
          type: "Sequence",
          processors: [1, 2].map(() => ({ type: "BertProcessing", sep: ["a", 1], cls: ["b", 2] })),
        },
      },
      "more than one step that adds tokens",
    ],
  ])("%s is refused by name", (_, json, message) => {
    expect(() => readTokenizerJson(json, "tokenizer.json")).toThrow(NuwaError);
    expect(() => readTokenizerJson(json, "tokenizer.json")).toThrow(message);
  });
});
