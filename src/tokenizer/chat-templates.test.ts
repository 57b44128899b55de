import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { NuwaError, type JsonValue } from "../text/index.ts";
import { renderChat, type ChatMessage } from "./chat-template.ts";
import { encodeDialogue, encodePrompt } from "./dialogue.ts";
import { readTokenizerJson, type TokenRoles } from "./read/tokenizer-json.ts";
import type { JsonObject } from "./types.ts";

// Made by test/fixtures/chat_templates.py with transformers.
interface Fixture {
  tokenizer: JsonObject;
  roles: TokenRoles;
  templates: Record<string, string>;
  lists: Record<string, Record<string, JsonValue>[]>;
  tools: JsonValue[];
  documents: JsonValue[];
  cases: {
    template: string;
    messages: string;
    prompt: boolean;
    text?: string;
    ids?: number[];
    mask?: number[];
    refused?: string;
  }[];
}
const path = new URL("../../test/fixtures/chat_templates.json", import.meta.url);
const fixture = JSON.parse(readFileSync(path, "utf8")) as Fixture;
const tokenizer = readTokenizerJson(fixture.tokenizer, "fixture", fixture.roles);

function messagesOf(name: string): ChatMessage[] {
  return (fixture.lists[name] ?? []).map(({ role, content, ...fields }) => ({
    role: String(role),
    content: String(content),
    ...(Object.keys(fields).length > 0 ? { fields } : {}),
  }));
}

const cases = fixture.cases.map((one) => [`${one.template}, ${one.messages}, prompt ${one.prompt}`, one] as const);

describe.each(cases)("as transformers renders: %s", (_, { template: name, messages: list, prompt, ...wanted }) => {
  const template = fixture.templates[name] ?? "";
  const messages = messagesOf(list);
  const inputs = {
    ...(name === "qwen" ? { tools: fixture.tools } : {}),
    ...(name === "documents" ? { documents: fixture.documents } : {}),
  };
  const specialTokens = { bos_token: "<s>", eos_token: "</s>", pad_token: "<|pad|>" };

  test("text", () => {
    const render = () => renderChat(template, messages, { ...inputs, specialTokens, addGenerationPrompt: prompt });
    if (wanted.refused === undefined) expect(render()).toBe(wanted.text);
    else {
      expect(render).toThrow(NuwaError);
      expect(render).toThrow(wanted.refused);
    }
  });

  test("ids, and what is learned", () => {
    if (prompt) {
      const encode = () => [...encodePrompt(tokenizer, template, messages, inputs)];
      if (wanted.refused === undefined) expect(encode()).toEqual(wanted.ids);
      else expect(encode).toThrow(wanted.refused);
      return;
    }
    const encode = () => encodeDialogue(tokenizer, template, messages, inputs);
    if (wanted.refused !== undefined) return void expect(encode).toThrow(NuwaError);
    if (!messages.some(({ role }) => role === "assistant")) return void expect(encode).toThrow("to learn from");
    // transformers leaves calls of tools out without a word where the template has no place for them.
    const calls = messages.some(({ fields }) => fields !== undefined);
    if (calls && !template.includes("tool_calls")) return void expect(encode).toThrow('does not read "tool_calls"');
    const { ids, weights } = encode();
    expect([...ids]).toEqual(wanted.ids);
    expect(weights.some((weight) => weight > 0)).toBe(true);
    if (wanted.mask !== undefined) expect([...weights]).toEqual(wanted.mask);
  });
});
