import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { defaultChatTemplate, renderChat, type ChatMessage } from "./chat-template.ts";
import { encodeDialogue, encodePrompt } from "./dialogue.ts";
import { preTokenizerNames } from "./steps/pre-tokenizer.ts";
import { readTokenizerJson } from "./read/tokenizer-json.ts";
import { trainBpe } from "./train/bpe.ts";
import { trainCharacters } from "./train/characters.ts";
import type { JsonObject } from "./types.ts";

// Made by test/fixtures/tokenizer_hf.py with Hugging Face tokenizers and transformers.
interface Fixture {
  corpus: string[];
  strings: string[];
  tokenizers: Record<string, { json: JsonObject; ids: number[][] }>;
  characters: { json: JsonObject; text: string; ids: number[] };
  chat: { messages: ChatMessage[]; prompt: string; prompt_ids: number[]; ids: number[]; mask: number[] };
}
const path = new URL("../../test/fixtures/tokenizer_hf.json", import.meta.url);
const fixture = JSON.parse(readFileSync(path, "utf8")) as Fixture;
const all = Object.keys(fixture.tokenizers);

function peer(name: string) {
  const found = fixture.tokenizers[name];
  if (found === undefined) throw new Error(`no ${name} in the fixture`);
  return found;
}

test.each(preTokenizerNames)(
  "training as Hugging Face trains: %s, the same vocabulary, merges and form",
  async (name) => {
    const tokenizer = await trainBpe(fixture.corpus, { vocabSize: 420, preTokenizer: name });
    const { added_tokens, pre_tokenizer, normalizer, model } = tokenizer.toJSON();
    const theirs = peer(name).json;
    expect(model).toMatchObject({ vocab: (theirs["model"] as JsonObject)["vocab"] ?? null });
    expect((model as JsonObject)["merges"]).toEqual((theirs["model"] as JsonObject)["merges"]);
    expect({ added_tokens, normalizer, pre_tokenizer }).toEqual({
      added_tokens: theirs["added_tokens"],
      normalizer: theirs["normalizer"],
      pre_tokenizer: theirs["pre_tokenizer"],
    });
  },
);

test.each(all)("encoding as Hugging Face encodes: %s", (name) => {
  const tokenizer = readTokenizerJson(peer(name).json, "fixture");
  fixture.strings.forEach((text, index) => {
    expect([...tokenizer.encode(text, { allowSpecial: true })], JSON.stringify(text)).toEqual(peer(name).ids[index]);
    expect(tokenizer.decode(peer(name).ids[index] ?? [])).toBe(text);
  });
});

test("characters as Hugging Face reads them, in the order of code points", async () => {
  const { json, text, ids } = fixture.characters;
  const trained = await trainCharacters(fixture.corpus);
  expect((trained.toJSON()["model"] as JsonObject)["vocab"]).toEqual((json["model"] as JsonObject)["vocab"]);
  expect(trained.toJSON()["pre_tokenizer"]).toEqual(json["pre_tokenizer"]);
  expect(trained.toJSON()["decoder"]).toEqual(json["decoder"]);
  expect([...trained.encode(text)]).toEqual(ids);
  expect([...readTokenizerJson(json, "fixture").encode(text)]).toEqual(ids);
});

test("the chat template as transformers renders, encodes and masks it", () => {
  const { messages, prompt, prompt_ids, ids, mask } = fixture.chat;
  const tokenizer = readTokenizerJson(peer("gpt4").json, "fixture");
  const asked = messages.slice(0, -1);
  expect(renderChat(defaultChatTemplate, asked, { addGenerationPrompt: true })).toBe(prompt);
  expect([...encodePrompt(tokenizer, defaultChatTemplate, asked)]).toEqual(prompt_ids);
  const dialogue = encodeDialogue(tokenizer, defaultChatTemplate, messages);
  expect([...dialogue.ids]).toEqual(ids);
  expect([...dialogue.weights]).toEqual(mask);
});
