import { z } from "zod";
import type { JsonValue } from "../../../text/document.ts";
import { readMessage, readSpeech, type Message } from "./message.ts";

export type { Message } from "./message.ts";

/** A dialogue to learn from, or to test with. One line of `dialogues/train.jsonl`. */
export interface Dialogue {
  readonly messages: readonly Message[];
  /** The file and record, or the fact set, that it was made from. */
  readonly source: string;
  /** How much its answers count in the loss; 1 when left out. */
  readonly weight?: number;
  /** Descriptions of tools, for the chat template. */
  readonly tools?: readonly JsonValue[];
  /** Documents to answer from, for the chat template. */
  readonly documents?: readonly JsonValue[];
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

/** What a record says: all of a dialogue but where it is from. */
export type DialogueRecord = Omit<Dialogue, "source">;
/** A record that was read as a dialogue, or what is wrong with it. */
export type ReadRecord = DialogueRecord | { readonly fault: string };

type Json = { readonly [key: string]: JsonValue };

const jsonObject = z.custom<Json>((value) => typeof value === "object" && value !== null && !Array.isArray(value));
const list = z.array(z.custom<JsonValue>(() => true)).min(1);
const text = z.string();

/** Names of a question and its answer, as files of others have them. */
const pairNames = [
  ["prompt", "completion"],
  ["prompt", "response"],
  ["question", "answer"],
  ["question", "response"],
  ["query", "response"],
  ["input", "output"],
] as const;

/** Keys beside the messages that change what is learned. */
const flags = z.object({
  weight: z.number().min(0).nullish(),
  system: z.string().nullish(),
  last_turn_only: z.boolean().nullish(),
  tools: z.union([list, z.array(z.never()), z.string()]).nullish(),
  documents: z.array(z.custom<JsonValue>(() => true)).nullish(),
});

/**
 * Reads a record in one of the usual forms: `messages` (OpenAI), `conversations` (ShareGPT), `instruction`, `input`,
 * `output` with `history` (Alpaca), `prompt` and `completion`, `question` and `answer` and their like; each may have
 * `system`, `tools`, `documents`, `weight` and `last_turn_only`, and each message a `weight` or `loss`. What a record asks
 * for is honoured, or the record is refused.
 *
 * @returns the dialogue, or `fault`: what was expected and what came
 */
export function readRecord(value: JsonValue): ReadRecord {
  const record = jsonObject.safeParse(value);
  if (!record.success) return { fault: FORMS };
  const asked = flags.safeParse(value);
  if (!asked.success) {
    const issue = asked.error.issues[0];
    return { fault: `${issue?.path.join(".") ?? "record"}: ${issue?.message ?? "not as expected"}` };
  }
  const { weight, system, last_turn_only: lastOnly, documents } = asked.data;
  if (weight === 0) return { fault: "its weight is 0: nothing to learn from" };
  const found = messagesOf(record.data);
  if ("fault" in found) return found;
  const tools = toolsOf(asked.data.tools);
  if (tools !== undefined && "fault" in tools) return tools;
  let { messages } = found;
  if (typeof system === "string" && system !== "") {
    if (messages[0]?.role === "system") return { fault: "a system message, and a system beside the messages" };
    messages = [{ role: "system", content: system }, ...messages];
  }
  if (lastOnly === true) messages = lastAnswerOnly(messages);
  const fault = faultIn(messages);
  if (fault !== undefined) return { fault };
  return {
    messages,
    ...(typeof weight === "number" && weight !== 1 ? { weight } : {}),
    ...(tools === undefined ? {} : { tools: tools.tools }),
    ...(documents == null || documents.length === 0 ? {} : { documents }),
  };
}

/** The same messages, of which only the last answer is learned. */
export function lastAnswerOnly(messages: readonly Message[]): Message[] {
  const last = messages.findLastIndex(({ role }) => role === "assistant");
  return messages.map((message, i) => (message.role === "assistant" && i < last ? { ...message, weight: 0 } : message));
}

const FORMS =
  "expected messages [{role, content}], conversations [{from, value}], instruction and output, or a pair such as prompt and completion";

type Found = { readonly messages: readonly Message[] } | { readonly fault: string };

function messagesOf(record: Json): Found {
  if (record["chosen"] !== undefined || record["rejected"] !== undefined) {
    return { fault: "a preference (chosen, rejected), not a dialogue" };
  }
  if (record["messages"] !== undefined) return readAll(record["messages"], "messages", readMessage);
  if (record["conversations"] !== undefined) return readAll(record["conversations"], "conversations", readSpeech);
  if (record["instruction"] !== undefined) return alpaca(record);
  for (const [asked, answered] of pairNames) {
    const [question, answer] = [record[asked], record[answered]];
    if (question === undefined || answer === undefined) continue;
    return pair(asked, question, answered, answer, record);
  }
  return { fault: FORMS };
}

function readAll(
  value: JsonValue,
  name: string,
  read: (message: JsonValue, where: string) => Message | { readonly fault: string },
): Found {
  const all = list.safeParse(value);
  if (!all.success) return { fault: `${name}: expected a list of messages` };
  const messages: Message[] = [];
  for (const [index, one] of all.data.entries()) {
    const message = read(one, `${name}[${index}]`);
    if ("fault" in message) return message;
    messages.push(message);
  }
  return { messages };
}

const alpacaForm = z.object({
  instruction: text,
  input: text.nullish(),
  output: text,
  history: z.array(z.tuple([text, text])).nullish(),
});

/** Earlier turns in `history` are learned too, as in the tools that write it. */
function alpaca(record: Json): Found {
  const form = alpacaForm.safeParse(record);
  if (!form.success) {
    const issue = form.error.issues[0];
    return { fault: `${issue?.path.join(".") ?? "record"}: ${issue?.message ?? "not as expected"}` };
  }
  const { instruction, input, output, history } = form.data;
  const question = [instruction, input ?? ""].filter((part) => part !== "").join("\n\n");
  return { messages: [...turnsOf(history ?? []), ...turnsOf([[question, output]])] };
}

function turnsOf(pairs: readonly (readonly [string, string])[]): Message[] {
  return pairs.flatMap(([question, answer]) => [
    { role: "user", content: question },
    { role: "assistant", content: answer },
  ]);
}

/** Two texts; or two lists of messages, of which the first is only context. */
function pair(asked: string, question: JsonValue, answered: string, answer: JsonValue, record: Json): Found {
  const history = z
    .array(z.tuple([text, text]))
    .nullish()
    .safeParse(record["history"]);
  if (!history.success) return { fault: "history: expected pairs of question and answer" };
  if (typeof question === "string" && typeof answer === "string") {
    return { messages: turnsOf([...(history.data ?? []), [question, answer]]) };
  }
  const before =
    typeof question === "string"
      ? { messages: turnsOf([[question, ""]]).slice(0, 1) }
      : readAll(question, asked, readMessage);
  const after =
    typeof answer === "string"
      ? { messages: turnsOf([["", answer]]).slice(1) }
      : readAll(answer, answered, readMessage);
  if ("fault" in before) return before;
  if ("fault" in after) return after;
  const context = before.messages.map((message) =>
    message.role === "assistant" ? { ...message, weight: 0 } : message,
  );
  return { messages: [...turnsOf(history.data ?? []), ...context, ...after.messages] };
}

/** A list, or the JSON of one. */
function toolsOf(
  value: z.infer<typeof flags>["tools"],
): { readonly tools: readonly JsonValue[] } | { readonly fault: string } | undefined {
  if (value == null || value === "" || value.length === 0) return undefined;
  if (typeof value !== "string") return { tools: value };
  try {
    const tools = list.safeParse(JSON.parse(value));
    if (tools.success) return { tools: tools.data };
  } catch {
    // Said below.
  }
  return { fault: "tools: expected a list, or JSON of one" };
}

/** What is wrong with the messages of a dialogue, if anything. Their order is the chat template's affair. */
function faultIn(messages: readonly Message[]): string | undefined {
  const answers = messages.filter(({ role }) => role === "assistant");
  if (answers.length === 0) return "expected an answer of the assistant in one of the turns, got none";
  if (answers.every(({ weight }) => weight === 0)) return "no answer to learn from: all have weight 0";
  for (const [i, { content, fields }] of messages.entries()) {
    if (content.trim() === "" && fields === undefined) return `turn ${i + 1} is empty`;
  }
  return undefined;
}
