import { z } from "zod";
import type { JsonValue } from "../../../text/document.ts";

export const messageSchema = z.object({ role: z.enum(["system", "user", "assistant"]), content: z.string() });

/** One turn of a dialogue. */
export type Message = z.infer<typeof messageSchema>;

/** A dialogue to learn from, or to test with. One line of `dialogues/train.jsonl`. */
export interface Dialogue {
  readonly messages: readonly Message[];
  /** The file and record, or the fact set, that it was made from. */
  readonly source: string;
}

/** A question whose reply can be checked. One line of `dialogues/questions.jsonl`. */
export interface Question {
  readonly messages: readonly Message[];
  /** The reply is right when it contains this, letter case and white space aside. */
  readonly answer: string;
  /** The fact set. */
  readonly set: string;
  /** The fact. */
  readonly key: string;
}

const messagesForm = z.object({ messages: z.array(messageSchema).min(1) });
const shareGptForm = z.object({ conversations: z.array(z.object({ from: z.string(), value: z.string() })).min(1) });
const alpacaForm = z.object({ instruction: z.string().min(1), input: z.string().optional(), output: z.string() });

const shareGptRoles: { readonly [from: string]: Message["role"] } = {
  human: "user",
  user: "user",
  gpt: "assistant",
  chatgpt: "assistant",
  assistant: "assistant",
  system: "system",
};

/** An optional system message, then user and assistant in turn, the assistant last. Says what is wrong, if anything. */
function faultIn(messages: readonly Message[]): string | undefined {
  const turns = messages[0]?.role === "system" ? messages.slice(1) : messages;
  if (turns.length === 0 || turns.length % 2 !== 0) return "expected user and assistant in turn, ending with assistant";
  for (const [i, { role, content }] of turns.entries()) {
    const expected = i % 2 === 0 ? "user" : "assistant";
    if (role !== expected) return `expected role "${expected}" in turn ${i + 1}, got "${role}"`;
    if (content.trim() === "") return `turn ${i + 1} is empty`;
  }
  return undefined;
}

/**
 * Reads a record in one of the usual forms: `messages` (OpenAI), `conversations` (ShareGPT), or
 * `instruction`, `input`, `output` (Alpaca).
 * @returns the messages, or `fault`: what was expected and what came
 */
export function toMessages(record: JsonValue): { messages: Message[] } | { fault: string } {
  const asMessages = messagesForm.safeParse(record);
  const asShareGpt = shareGptForm.safeParse(record);
  const asAlpaca = alpacaForm.safeParse(record);
  let messages: Message[];
  if (asMessages.success) {
    messages = asMessages.data.messages;
  } else if (asShareGpt.success) {
    messages = [];
    for (const { from, value } of asShareGpt.data.conversations) {
      const role = Object.hasOwn(shareGptRoles, from) ? shareGptRoles[from] : undefined;
      if (role === undefined) return { fault: `unknown speaker "${from}", expected human, gpt or system` };
      messages.push({ role, content: value });
    }
  } else if (asAlpaca.success) {
    const { instruction, input, output } = asAlpaca.data;
    const question = input === undefined || input === "" ? instruction : `${instruction}\n\n${input}`;
    messages = [
      { role: "user", content: question },
      { role: "assistant", content: output },
    ];
  } else {
    return { fault: "expected messages [{role, content}], conversations [{from, value}], or instruction and output" };
  }
  const fault = faultIn(messages);
  return fault === undefined ? { messages } : { fault };
}
