import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readSentencePiece } from "./sentencepiece.ts";
import { readTokenizerJson } from "./tokenizer-json.ts";

// Made by test/fixtures/tokenizer_sentencepiece.py with sentencepiece.
interface Fixture {
  strings: string[];
  models: Record<string, { model: string; ids: number[][]; texts: string[] }>;
}
const path = new URL("../../../test/fixtures/tokenizer_sentencepiece.json", import.meta.url);
const fixture = JSON.parse(readFileSync(path, "utf8")) as Fixture;

describe.each(Object.entries(fixture.models))("SentencePiece model: %s", (_, { model, ids, texts }) => {
  const tokenizer = readSentencePiece(Buffer.from(model, "base64"), "fixture.model");

  test("the ids and texts of sentencepiece", () => {
    fixture.strings.forEach((text, index) => {
      expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(ids[index]);
      expect(tokenizer.decode(ids[index] ?? []), JSON.stringify(text)).toBe(texts[index]);
    });
  });

  test("its tokenizer.json cuts plain text alike", () => {
    const again = readTokenizerJson(JSON.parse(JSON.stringify(tokenizer.toJSON())), "again");
    for (const text of ["The potter takes the clay", "the potter's hands give it"]) {
      const found = tokenizer.encode(text);
      expect([...again.encode(text)]).toEqual([...found]);
      // Hugging Face shows the name of an unknown piece, SentencePiece a sign of its own.
      if (!found.includes(tokenizer.unknownId ?? -1)) expect(again.decode(found)).toBe(tokenizer.decode(found));
    }
  });
});
