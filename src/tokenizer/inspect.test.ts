import { expect, test } from "vitest";
import { inspectText, inspectVocabulary, scriptOf } from "./inspect.ts";
import { trainBpe } from "./train/bpe.ts";
import { trainCharacters } from "./train/characters.ts";
import { trainUnigram } from "./train/unigram.ts";
import { digamma } from "./train/unigram.ts";
import { trainWordPiece } from "./train/wordpiece.ts";
import { sharedPrefixes, suffixArray } from "./train/suffix-array.ts";
import { tokenizerSettings } from "./settings.ts";
import { trainTokenizer } from "./train/train.ts";

const corpus = Array.from({ length: 30 }, (_, i) => `the cat sat on mat ${i}, the cats sit\n猫坐在垫子上。猫又坐下\n`);

test("script of a text", () => {
  expect(["the 猫", "猫坐 the cat", "猫坐", "кот", "12", "?!", "ೠ"].map(scriptOf)).toEqual([
    "Latin",
    "Latin",
    "Han",
    "Cyrillic",
    "digits",
    "signs",
    "other letters",
  ]);
});

test("fertility, counted by hand: one token a character", async () => {
  const tokenizer = await trainCharacters(["the cat\n猫坐"]);
  const { all, byScript } = inspectText(tokenizer, "the cat\n猫坐");
  expect(byScript["Latin"]).toMatchObject({ characters: 8, words: 2, tokens: 8, bytes: 8, tokensPerWord: 4 });
  expect(byScript["Han"]).toMatchObject({ characters: 2, words: 2, tokens: 2, bytes: 6, bytesPerToken: 3 });
  expect(all).toMatchObject({ characters: 10, tokens: 10, tokensPerCharacter: 1, unknownShare: 0, byteShare: 0 });
  expect(inspectVocabulary(tokenizer)).toMatchObject({
    size: 9,
    byLength: [9],
    byScript: { Latin: 5, Han: 2, signs: 2 },
  });
});

test("bytes of characters that the vocabulary has not, and unknown words", async () => {
  const bpe = await trainBpe(["aaaa"], { vocabSize: 262 });
  // Three bytes, none of them a whole character.
  expect(inspectText(bpe, "猫").all).toMatchObject({ tokens: 3, byteShare: 1 });
  const wordpiece = await trainWordPiece(corpus, { vocabSize: 120 });
  expect(inspectText(wordpiece, "the ೠ").all).toMatchObject({ tokens: 2, unknownShare: 0.5 });
});

test("digamma by Abramowitz and Stegun's table 6.1", () => {
  expect(digamma(1)).toBeCloseTo(-0.5772156649, 8);
  expect(digamma(2)).toBeCloseTo(0.4227843351, 8);
  expect(digamma(10)).toBeCloseTo(2.2517525891, 8);
});

test("suffix array and shared prefixes of banana", () => {
  const text = Int32Array.from("banana", (letter) => letter.charCodeAt(0));
  const suffixes = suffixArray(text);
  expect([...suffixes]).toEqual([5, 3, 1, 0, 4, 2]);
  expect([...sharedPrefixes(text, suffixes)]).toEqual([0, 1, 3, 0, 0, 2]);
});

test("suffix array: the same order as comparing suffixes", () => {
  let state = 1;
  const text = Int32Array.from({ length: 500 }, () => (state = (state * 48271) % 2147483647) % 3);
  const plain = Array.from(text.keys()).sort((a, b) => {
    while (a < text.length && b < text.length && text[a] === text[b]) [a, b] = [a + 1, b + 1];
    return (text[a] ?? -1) - (text[b] ?? -1);
  });
  expect([...suffixArray(text)]).toEqual(plain);
});

test("unigram: every text comes back, and the same texts give the same tokenizer", async () => {
  const tokenizer = await trainUnigram(corpus, { vocabSize: 340 });
  expect(tokenizer.vocabSize).toBeLessThanOrEqual(340);
  for (const text of ["the cats sat", " the  cat\n\n", "猫坐在 the mat", "ೠ unseen 🙂 é", "<|end|> <0x41"]) {
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  }
  const tokens = [...tokenizer.encode("the cats sit")].map((id) => tokenizer.idToToken(id));
  expect(tokens.length).toBeLessThan(8);
  const again = await trainUnigram(corpus.toReversed(), { vocabSize: 340 });
  expect(again.toJSON()).toEqual(tokenizer.toJSON());
  await expect(trainUnigram(corpus, { vocabSize: 256 })).rejects.toMatchObject({ code: "VALUE", where: "vocab_size" });
  await expect(trainUnigram([], { vocabSize: 400 })).rejects.toMatchObject({ code: "DATA" });
});

test("wordpiece: words of the corpus are tokens, Chinese is cut into characters", async () => {
  const tokenizer = await trainWordPiece(corpus, { vocabSize: 140 });
  const cut = (text: string): (string | undefined)[] =>
    [...tokenizer.encode(text)].map((id) => tokenizer.idToToken(id));
  expect(cut("the cats 猫坐")).toEqual(["the", "cats", "猫", "坐"]);
  expect(tokenizer.decode(tokenizer.encode("the cat, 猫"))).toBe("the cat, 猫");
  await expect(trainWordPiece(corpus, { vocabSize: 20 })).rejects.toMatchObject({ code: "VALUE" });
});

test.each(["bpe", "wordpiece", "unigram", "char"] as const)("a recipe's type: %s", async (type) => {
  const tokenizer = await trainTokenizer(corpus, tokenizerSettings.parse({ type, vocab_size: 340 }));
  expect(tokenizer.kind).toBe(type);
  expect(tokenizer.eosId).toBe(0);
});

test("pieces that there is no room for are told", async () => {
  const many = Array.from({ length: 3000 }, (_, i) => `x${i}y `);
  const reported: unknown[] = [];
  await trainBpe(many, {
    vocabSize: 300,
    maxPieces: 1000,
    onProgress: (progress) => {
      if (progress.phase === "forgotten") reported.push(progress);
    },
  });
  expect(reported).toHaveLength(1);
});
