import { afterAll, beforeAll, expect, test } from "vitest";
import { tinyModel, type TinyModel } from "../../test/helpers/tiny-model.ts";
import { reply } from "./chat.ts";
import { Conversation } from "./conversation.ts";
import { greedy } from "./settings.ts";

let tiny: TinyModel;
beforeAll(async () => {
  tiny = await tinyModel(96);
});
afterAll(() => tiny.dispose());

const settings = { ...greedy, temperature: 0.9, max_tokens: 6, seed: 4 };

async function answerTo(messages: Parameters<typeof reply>[1], seed: number): Promise<string> {
  let answer = "";
  for await (const { text } of reply(tiny, messages, { ...settings, seed })) answer += text;
  return answer;
}

test("a conversation remembers its turns until it is begun anew", async () => {
  const conversation = new Conversation(tiny, settings, "Be brief.");
  const system = { role: "system", content: "Be brief." } as const;
  const hello = { role: "user", content: "fox" } as const;
  const first = await conversation.reply("fox");
  expect(first).toBe(await answerTo([system, hello], 4));
  const turns = [system, hello, { role: "assistant", content: first }, { role: "user", content: "dog" }] as const;
  expect(await conversation.reply("dog")).toBe(await answerTo(turns, 5));
  conversation.reset();
  expect(await conversation.reply("fox")).toBe(first);
});
