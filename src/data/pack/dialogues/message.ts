import { z } from "zod";
import type { JsonValue } from "../../../text/document.ts";

/** One turn of a dialogue. */
export interface Message {
  readonly role: string;
  readonly content: string;
  /** How much an answer counts when it is learned; 1 when left out, 0 for context only. */
  readonly weight?: number;
  /** What else the chat template may read, such as `tool_calls`. */
  readonly fields?: { readonly [name: string]: JsonValue };
}

type Fault = { readonly fault: string };

/** Speakers of ShareGPT's form and their roles. */
const speakers: ReadonlyMap<string, string> = new Map([
  ["human", "user"],
  ["user", "user"],
  ["gpt", "assistant"],
  ["chatgpt", "assistant"],
  ["bing", "assistant"],
  ["bard", "assistant"],
  ["model", "assistant"],
  ["assistant", "assistant"],
  ["system", "system"],
  ["tool", "tool"],
  ["observation", "tool"],
  ["function_response", "tool"],
  ["function_call", "assistant"],
]);

const roles = new Set(["system", "user", "assistant", "tool", "developer", "function", "ipython"]);
/** Where a message is from: nothing to a template. */
const notes = new Set([
  "id",
  "uuid",
  "timestamp",
  "created_at",
  "model",
  "lang",
  "language",
  "meta",
  "metadata",
  "index",
]);

const part = z.looseObject({ type: z.string(), text: z.string().optional() });
const flags = z.object({
  weight: z.number().min(0).nullish(),
  loss: z.boolean().nullish(),
  train: z.boolean().nullish(),
  fields: z
    .record(
      z.string(),
      z.custom<JsonValue>(() => true),
    )
    .nullish(),
});
const object = z.custom<{ readonly [key: string]: JsonValue }>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
);

/** A message of OpenAI's form. */
export function readMessage(value: JsonValue, where: string): Message | Fault {
  const message = object.safeParse(value);
  if (!message.success) return { fault: `${where}: expected {role, content}` };
  const { role, content, ...rest } = message.data;
  if (typeof role !== "string") return { fault: `${where}: expected a role` };
  if (!roles.has(role)) {
    return { fault: `${where}: unknown role "${role}", expected ${[...roles].slice(0, 4).join(", ")}` };
  }
  return finish(role, content, rest, where);
}

/** A message of ShareGPT's form: `from` and `value`. */
export function readSpeech(value: JsonValue, where: string): Message | Fault {
  const message = object.safeParse(value);
  if (!message.success) return { fault: `${where}: expected {from, value}` };
  const { from, value: said, ...rest } = message.data;
  if (from === undefined && rest["role"] !== undefined) return readMessage(value, where);
  const role = typeof from === "string" ? speakers.get(from) : undefined;
  if (role === undefined) {
    return { fault: `${where}: unknown speaker ${JSON.stringify(from ?? null)}, expected human, gpt, system or tool` };
  }
  if (from !== "function_call") return finish(role, said, rest, where);
  const call = callOf(said);
  if (call === undefined) return { fault: `${where}: expected a function call as JSON {name, arguments}` };
  return finish(role, "", { ...rest, tool_calls: [{ type: "function", function: call }] }, where);
}

function callOf(said: JsonValue | undefined): { name: string; arguments: JsonValue } | undefined {
  const form = z.object({ name: z.string(), arguments: z.custom<JsonValue>((value) => value !== undefined) });
  try {
    return form.safeParse(typeof said === "string" ? JSON.parse(said) : said).data;
  } catch {
    return undefined;
  }
}

function finish(
  role: string,
  content: JsonValue | undefined,
  rest: { readonly [key: string]: JsonValue },
  where: string,
): Message | Fault {
  const asked = flags.safeParse(rest);
  if (!asked.success) {
    const issue = asked.error.issues[0];
    return { fault: `${where}.${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not as expected"}` };
  }
  const fields: { [key: string]: JsonValue } = { ...asked.data.fields };
  for (const [key, value] of Object.entries(rest)) {
    if (Object.hasOwn(flags.shape, key) || notes.has(key) || isNothing(value)) continue;
    fields[key] = value;
  }
  const hasFields = Object.keys(fields).length > 0;
  const text = textOf(content, hasFields, where);
  if (typeof text !== "string") return text;
  const { loss, train } = asked.data;
  const weight = loss === false || train === false ? 0 : (asked.data.weight ?? 1);
  if (role !== "assistant" && (loss === true || train === true || (asked.data.weight ?? 0) > 0)) {
    return { fault: `${where}: only the assistant's messages are learned, and this one asks to be` };
  }
  return {
    role,
    content: text,
    ...(role === "assistant" && weight !== 1 ? { weight } : {}),
    ...(hasFields ? { fields } : {}),
  };
}

function isNothing(value: JsonValue): boolean {
  return value === null || value === "" || (typeof value === "object" && Object.keys(value).length === 0);
}

/** Text, or a list of texts; nothing beside a call of a tool. */
function textOf(content: JsonValue | undefined, hasFields: boolean, where: string): string | Fault {
  if (typeof content === "string") return content;
  if (content === null || content === undefined) {
    return hasFields ? "" : { fault: `${where}: expected content, got none` };
  }
  const parts = z.array(part).safeParse(content);
  if (!parts.success) return { fault: `${where}: expected content to be text, or a list of parts` };
  const other = parts.data.find(({ type, text }) => type !== "text" || text === undefined);
  if (other !== undefined) return { fault: `${where}: expected parts of text, got ${other.type}` };
  return parts.data.map(({ text }) => text ?? "").join("");
}
