import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectGrowth } from "../../test/helpers/growth.ts";
import { NuwaError } from "../text/index.ts";
import { defaultChatTemplate } from "./chat-template.ts";
import { loadChatTemplate, loadTokenizer, saveTokenizer } from "./files.ts";
import { readTokenizerJson } from "./read/tokenizer-json.ts";
import { defaultSpecialTokens } from "./special-tokens.ts";
import { trainBpe } from "./train/bpe.ts";
import { trainCharacters } from "./train/characters.ts";
import type { JsonObject, Tokenizer } from "./types.ts";

const corpus = ["clay and water, water and clay: 女娲抟土造人。\n", "aaaa aaaaa baaab 哈哈哈哈 🙂🙂\n"].map((text) =>
  text.repeat(4),
);
const folder = mkdtempSync(join(tmpdir(), "nuwa-tokenizer-"));
afterAll(() => rmSync(folder, { recursive: true }));

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await trainBpe(corpus, { vocabSize: 320 });
});

/** Any UTF-16, lone surrogates and all. */
function* anyStrings(count: number): Generator<string> {
  let state = 7;
  const below = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const ranges = [0x80, 0x800, 0x3000, 0x10000, 0x110000];
  for (let i = 0; i < count; i++) {
    const range = ranges[below(ranges.length)] ?? 0x80;
    yield Array.from({ length: below(24) }, () => String.fromCodePoint(below(range))).join("");
  }
}

describe("byte-level BPE", () => {
  test("Sennrich's example: the pairs are merged by count, then by smaller ids", async () => {
    // low 5, lower 2, newest 6, widest 3 (Sennrich et al. 2016, section 3.2), here with a blank before each word.
    // e-s and s-t have 9, e is the smaller id; then es-t 9. Of the pairs with 7 (blank-l, l-o, o-w), l is the smallest
    // left id: a blank is byte 0x20, whose "Ġ" comes after all letters. Then blank-lo and lo-w have 7.
    const text = [
      ...Array<string>(5).fill(" low"),
      ...Array<string>(2).fill(" lower"),
      ...Array<string>(6).fill(" newest"),
      ...Array<string>(3).fill(" widest"),
    ].join("");
    const trained = await trainBpe([text], { vocabSize: 260, specialTokens: [], preTokenizer: "gpt2" });
    const model = trained.toJSON()["model"] as JsonObject;
    expect(model["merges"]).toEqual([
      ["e", "s"],
      ["es", "t"],
      ["l", "o"],
      ["Ġ", "lo"],
    ]);
  });

  test("any string comes back; lone surrogates as U+FFFD", () => {
    for (const text of anyStrings(2000)) {
      const wellFormed = text.replace(/[\uD800-\uDFFF]/gu, "\uFFFD");
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(wellFormed);
    }
    expect(tokenizer.decode(tokenizer.encode("\ufeffa\ud800b"))).toBe("\ufeffa\ufffdb");
  });

  test("long pieces merge as short ones do, and a long text without a space takes linear time", async () => {
    // "a" merges in twos, fours, eights: whatever the length, greedy by rank from the left.
    for (const length of [20, 23, 24, 25, 26, 47, 100]) {
      const expected = naive(tokenizer, "a".repeat(length));
      expect([...tokenizer.encode("a".repeat(length))], String(length)).toEqual(expected);
    }
    for (const unit of ["a", "ab", "女娲抟土", "?"]) {
      const text = unit.repeat(300_000 / unit.length);
      expect(tokenizer.decode(tokenizer.encode(text)).length).toBe(text.length);
      await expectGrowth(
        (size) => unit.repeat(size / unit.length),
        300_000,
        (long) => tokenizer.encode(long),
        { label: unit },
      );
    }
  });

  test("the same texts give the same tokenizer; counting within a small bound still does what is frequent", async () => {
    const again = await trainBpe(corpus, { vocabSize: 320 });
    expect(JSON.stringify(again.toJSON())).toBe(JSON.stringify(tokenizer.toJSON()));
    const rare = Array.from({ length: 500 }, (_, i) => ` once${i * 7919}`).join("");
    const bounded = await trainBpe([...corpus, rare, ...corpus], { vocabSize: 270, maxPieces: 60 });
    expect(bounded.decode(bounded.encode("water 哈哈"))).toBe("water 哈哈");
    expect(bounded.vocabSize).toBe(270);
  });

  test("min_frequency, max_token_bytes, a text with few pairs, and no text", async () => {
    const few = await trainBpe(["ab ab ab cd"], { vocabSize: 1000, specialTokens: [], preTokenizer: "gpt2" });
    // " a" and "ab" occur 2 and 3 times, "cd" once: " ab" and "ab" are all there is to merge.
    expect((few.toJSON()["model"] as JsonObject)["merges"]).toEqual([
      ["a", "b"],
      ["Ġ", "ab"],
    ]);
    const short = await trainBpe(["abcdefgh ".repeat(50)], { vocabSize: 600, maxTokenBytes: 3 });
    for (let id = defaultSpecialTokens.length; id < short.vocabSize; id++) {
      expect(short.tokenBytes(id).length).toBeLessThanOrEqual(3);
    }
    await expect(trainBpe([], { vocabSize: 300 })).rejects.toThrow("expected text to train a tokenizer on");
    await expect(trainBpe(corpus, { vocabSize: 261 })).rejects.toThrow("at least 262");
    await expect(trainBpe(corpus, { vocabSize: 300, specialTokens: ["<a>", "<a>"] })).rejects.toThrow("only once");
    await expect(trainBpe(corpus, { vocabSize: 300, specialTokens: ["a"] })).rejects.toThrow("two characters");
  });

  test("progress ends at the whole vocabulary, and a signal stops training", async () => {
    const reported: number[] = [];
    await trainBpe(corpus, { vocabSize: 280, onProgress: (p) => p.phase === "merge" && reported.push(p.merges, p.of) });
    expect(reported.slice(-2)).toEqual([18, 18]);
    await expect(trainBpe(corpus, { vocabSize: 280, signal: AbortSignal.abort() })).rejects.toThrow("abort");
  });
});

/** BPE by its definition: the lowest rank, leftmost, again and again. For pieces of one byte each character. */
function naive(from: Tokenizer, text: string): number[] {
  const merges = (from.toJSON()["model"] as JsonObject)["merges"] as [string, string][];
  let symbols = [...text];
  for (;;) {
    const pairs = symbols.slice(1).map((right, i) => merges.findIndex(([a, b]) => a === symbols[i] && b === right));
    const ranks = pairs.filter((rank) => rank >= 0);
    if (ranks.length === 0) return symbols.map((symbol) => from.tokenToId(symbol) ?? -1);
    const at = pairs.indexOf(Math.min(...ranks));
    symbols = [...symbols.slice(0, at), symbols.slice(at, at + 2).join(""), ...symbols.slice(at + 2)];
  }
}

describe("special tokens", () => {
  test("text cannot bring them in unless allowed", () => {
    const text = "a<|end|>b<|endoftext|>";
    const special = new Set(tokenizer.specialTokens.values());
    const plain = [...tokenizer.encode(text)];
    expect(plain.some((id) => special.has(id))).toBe(false);
    expect(tokenizer.decode(plain)).toBe(text);
    const allowed = [...tokenizer.encode(text, { allowSpecial: true })];
    expect(allowed.filter((id) => special.has(id))).toEqual([4, 0]);
    expect(tokenizer.decode(allowed, { skipSpecialTokens: true })).toBe("ab");
    expect([tokenizer.bosId, tokenizer.eosId, tokenizer.padId]).toEqual([0, 0, 5]);
  });

  test("the longest at the leftmost place wins", async () => {
    const nested = await trainBpe(corpus, { vocabSize: 300, specialTokens: ["<|a|>", "<|a|>>", "[x]"] });
    expect([...nested.encode("<|a|>><|a|>[x]", { allowSpecial: true })]).toEqual([1, 0, 2]);
  });
});

describe("decoding", () => {
  test("a stream gives the whole text and never half a character", () => {
    for (const text of ["女娲🙂é", "\ufeffBOM", "a\u0000b", "👩‍👩‍👧‍👦"]) {
      // Bytes one by one: the hardest stream.
      const ids = [...Buffer.from(text)].map((byte) => idOfByte(tokenizer, byte));
      const stream = tokenizer.streamDecoder();
      const shown = ids.map((id) => stream.push(id));
      expect(shown.join("") + stream.flush()).toBe(text);
      expect(shown.join("")).not.toContain("\ufffd");
      for (const part of shown) expect([...part].length).toBeLessThanOrEqual(1);
    }
  });

  test("bytes that are not UTF-8: the stream equals the whole, with U+FFFD at the end for what stays open", () => {
    let state = 3;
    for (let round = 0; round < 1000; round++) {
      const bytes = Array.from({ length: round % 9 }, () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        const kinds = [0x41, 0x80 | (state >>> 26), 0xe5, 0xf0, 0xff, 0xc3, 0xed];
        return kinds[(state >>> 8) % kinds.length] ?? 0;
      });
      const ids = bytes.map((byte) => idOfByte(tokenizer, byte));
      const stream = tokenizer.streamDecoder();
      const streamed = ids.map((id) => stream.push(id)).join("") + stream.flush();
      expect(streamed).toBe(tokenizer.decode(ids));
      expect(streamed).toBe(Buffer.from(bytes).toString("utf8"));
    }
    const stream = tokenizer.streamDecoder();
    expect(stream.push(idOfByte(tokenizer, 0xe5))).toBe("");
    expect(stream.flush()).toBe("\ufffd");
    expect(stream.push(idOfByte(tokenizer, 0x41))).toBe("A");
  });

  test("an id that is not there", () => {
    expect(() => tokenizer.decode([tokenizer.vocabSize])).toThrow("expected a token id from 0 to 313, got 314");
    expect(() => tokenizer.decode([-1])).toThrow(NuwaError);
    expect(() => tokenizer.streamDecoder().push(1e9)).toThrow(NuwaError);
  });
});

function idOfByte(from: Tokenizer, byte: number): number {
  for (let id = 0; id < from.vocabSize; id++) {
    const bytes = from.tokenBytes(id);
    if (bytes.length === 1 && bytes[0] === byte) return id;
  }
  throw new Error(`no token for byte ${byte}`);
}

describe("characters", () => {
  test("ids by code point; unknown characters are named, or become <|unk|>", async () => {
    const hello = await trainCharacters(["hello"]);
    expect([...hello.encode("hello")]).toEqual([1, 0, 2, 2, 3]);
    expect(hello.vocabSize).toBe(4);
    expect(hello.eosId).toBeUndefined();
    expect(() => hello.encode("help")).toThrow('"p" (U+0070) is not among the 4 characters');
    const unknown = await trainCharacters(["hello"], { specialTokens: ["<|endoftext|>", "<|unk|>"] });
    expect([...unknown.encode("help<|unk|>", { allowSpecial: true })]).toEqual([3, 2, 4, 1, 1]);
    expect(unknown.decode([3, 0], { skipSpecialTokens: true })).toBe("h");
    await expect(trainCharacters([])).rejects.toThrow("got none");
  });
});

describe("files", () => {
  test.each(["bpe", "char"])("a saved tokenizer (%s) comes back", async (kind) => {
    const specialTokens = [...defaultSpecialTokens];
    const saved = kind === "bpe" ? tokenizer : await trainCharacters(corpus, { specialTokens });
    const path = join(folder, kind);
    await saveTokenizer(path, saved, { chatTemplate: defaultChatTemplate, modelMaxLength: 64 });
    for (const from of [path, join(path, "tokenizer.json")]) {
      const loaded = await loadTokenizer(from);
      expect(loaded.kind).toBe(kind);
      expect(loaded.vocabSize).toBe(saved.vocabSize);
      expect([loaded.bosId, loaded.eosId, loaded.padId]).toEqual([0, 0, 5]);
      const text = `${corpus.join("")}<|end|>`;
      const options = { allowSpecial: true };
      expect([...loaded.encode(text, options)]).toEqual([...saved.encode(text, options)]);
      expect(loaded.toJSON()).toEqual(saved.toJSON());
    }
    expect(await loadChatTemplate(path)).toBe(defaultChatTemplate);
    expect(JSON.parse(readFileSync(join(path, "tokenizer_config.json"), "utf8"))).toMatchObject({
      tokenizer_class: "PreTrainedTokenizerFast",
      eos_token: "<|endoftext|>",
      pad_token: "<|pad|>",
      model_max_length: 64,
    });
  });

  test("of chat templates with names the default one counts", async () => {
    const config = join(folder, "tokenizer_config.json");
    const named = (name: string) => ({ name, template: `{{ "${name}" }}` });
    writeFileSync(config, JSON.stringify({ chat_template: [named("rag"), named("default")] }));
    expect(await loadChatTemplate(folder)).toBe('{{ "default" }}');
    writeFileSync(config, JSON.stringify({ chat_template: [named("rag"), named("tool_use")] }));
    await expect(loadChatTemplate(folder)).rejects.toThrow("called default, got rag, tool_use");
    writeFileSync(config, JSON.stringify({ chat_template: 3 }));
    await expect(loadChatTemplate(folder)).rejects.toMatchObject({ code: "FILE", where: config });
    rmSync(config);
    expect(await loadChatTemplate(folder)).toBeUndefined();
  });

  test("missing and cut short", async () => {
    await expect(loadTokenizer(join(folder, "nothing"))).rejects.toThrow("no tokenizer at");
    const cut = join(folder, "cut.json");
    writeFileSync(cut, JSON.stringify(tokenizer.toJSON()).slice(0, 900));
    await expect(loadTokenizer(cut)).rejects.toMatchObject({ code: "FILE", where: cut });
  });

  const damage: [string, (json: Record<string, JsonObject>) => unknown, string][] = [
    ["no object", () => 3, "malformed tokenizer.json: the file"],
    ["no model", (json) => ({ ...json, model: undefined }), "malformed tokenizer.json: model"],
    [
      "a model of another type",
      (json) => ({ ...json, model: { type: "Unigrams" } }),
      'model.type: "Unigrams"; did you mean "Unigram"',
    ],
    ["an id that is no number", (json) => edit(json, "vocab", { a: "1" }), 'model.vocab["a"]: expected an id, got "1"'],
    ["an id that is huge", (json) => edit(json, "vocab", { a: 1e15 }), 'model.vocab["a"]'],
    ["two tokens of one id", (json) => edit(json, "vocab", { a: 1, b: 1 }), 'model.vocab["b"]: id 1 stands twice'],
    ["a merge of one", (json) => edit(json, "merges", ["ab"]), 'model.merges[0]: expected two tokens, got "ab"'],
    ["a merge of nothing known", (json) => edit(json, "merges", [["a", "zzz"]]), 'model.merges[0]: "zzz"'],
    ["merges no list", (json) => edit(json, "merges", 7), "malformed tokenizer.json: model.merges"],
    ["dropout", (json) => edit(json, "dropout", 0.1), "unsupported tokenizer.json: model.dropout"],
    ["a merge of nothing", (json) => edit(json, "merges", [["", "a"]]), "model.merges[0]: expected two tokens"],
    ["another normalizer", (json) => ({ ...json, normalizer: { type: "Lower" } }), "normalizer.type"],
    ["another pre-tokenizer", (json) => ({ ...json, pre_tokenizer: { type: "Meta" } }), "pre_tokenizer"],
    ["a post-processor", (json) => ({ ...json, post_processor: { type: "Post" } }), "post_processor.type"],
    ["another decoder", (json) => ({ ...json, decoder: { type: "Words" } }), "decoder.type"],
    ["an added token without text", (json) => ({ ...json, added_tokens: [{ id: 1 }] }), "added_tokens[0].content"],
  ];
  test.each(damage)("%s is named", (_, spoil, message) => {
    const json = structuredClone(tokenizer.toJSON()) as Record<string, JsonObject>;
    let thrown: unknown;
    try {
      readTokenizerJson(spoil(json), "tokenizer.json");
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(NuwaError);
    expect(thrown).toMatchObject({ code: "FILE", where: "tokenizer.json" });
    expect(String(thrown)).toContain(message);
  });
});

function edit(json: Record<string, JsonObject>, key: string, value: unknown): unknown {
  return { ...json, model: { ...json["model"], [key]: value } };
}
