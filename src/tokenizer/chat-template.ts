import { Template } from "@huggingface/jinja";
import { z } from "zod";
import { didYouMean, NuwaError, type JsonValue } from "../text/index.ts";

/** Roles of a dialogue's turns. */
export const chatRoles = ["system", "user", "assistant"] as const;
/** Who speaks in a dialogue. */
export type ChatRole = (typeof chatRoles)[number];

/** Roles that templates of others know beside these. */
export const otherChatRoles: readonly string[] = ["tool", "developer", "function", "ipython"];

/** One message of a dialogue. `role` is checked when it is used: messages come from files and from requests. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  /** How much the tokens of an answer count when it is learned from. Default 1; 0 for an answer that is only context. */
  readonly weight?: number;
  /** What else the template may read: `tool_calls`, `tool_call_id`, `name`, `reasoning_content`, … */
  readonly fields?: { readonly [name: string]: JsonValue };
}

/**
 * Each message between `<|role|>` and `<|end|>`, nothing else. `generation` marks what a model learns to say, for
 * `return_assistant_tokens_mask` in transformers.
 */
export const defaultChatTemplate = `{%- for message in messages -%}
{%- if message['role'] not in ['system', 'user', 'assistant'] -%}
{{- raise_exception('unknown role: ' + message['role']) -}}
{%- endif -%}
{{- '<|' + message['role'] + '|>' -}}
{%- if message['role'] == 'assistant' -%}
{%- generation -%}{{- message['content'] + '<|end|>' -}}{%- endgeneration -%}
{%- else -%}
{{- message['content'] + '<|end|>' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}`;

/** What a template is given beside the messages. */
export interface TemplateInputs {
  /** Descriptions of tools that the model may call, as in `apply_chat_template`. */
  readonly tools?: readonly JsonValue[];
  /** Documents to answer from. */
  readonly documents?: readonly JsonValue[];
  /** The template's own variables, such as `enable_thinking`. */
  readonly variables?: { readonly [name: string]: JsonValue };
}

/** What a chat template is given beside the messages. */
export interface RenderOptions extends TemplateInputs {
  /** Ends with what comes before an assistant's answer. Default false. */
  readonly addGenerationPrompt?: boolean;
  /** `bos_token`, `eos_token`, … for templates that print them. */
  readonly specialTokens?: { readonly [name: string]: string };
}

/**
 * Refuses what is no list of messages. Which roles there are, and in which order, the template says.
 *
 * @throws NuwaError VALUE for no message at all, a role that is no text, content that is no text
 */
export function checkMessages(messages: readonly ChatMessage[]): void {
  if (messages.length === 0) throw new NuwaError("VALUE", "expected at least one message, got none");
  messages.forEach((message, index) => {
    const where = `messages[${index}]`;
    if (typeof message.content !== "string") {
      throw new NuwaError("VALUE", `expected content to be text, got ${typeof message.content}`, { where });
    }
    if (typeof message.role !== "string" || message.role === "") {
      throw new NuwaError("VALUE", `expected a role, got ${JSON.stringify(message.role)}`, { where });
    }
  });
}

/** Compiled templates: the same one renders every dialogue of a corpus. */
const compiled = new Map<string, Template>();

function compile(source: string): Template {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  try {
    const template = new Template(source);
    loopOverNothing(template.parsed);
    if (compiled.size >= 16) compiled.clear();
    compiled.set(source, template);
    return template;
  } catch (cause) {
    throw new NuwaError("VALUE", `the chat template cannot be read: ${reason(cause)}`, { cause });
  }
}

/** In Jinja a loop over what is not defined has no rounds; the library's would fail. */
function loopOverNothing(node: unknown): void {
  if (Array.isArray(node)) for (const one of node) loopOverNothing(one);
  if (typeof node !== "object" || node === null || Array.isArray(node)) return;
  for (const child of Object.values(node)) loopOverNothing(child);
  const { type, iterable } = nodeSchema.parse(node);
  if (type !== "For" || iterable === undefined) return;
  // `for x in xs if …` keeps what it loops over one step further down.
  const [holder, key] = iterable.type === "SelectExpression" ? [iterable, "lhs"] : [node, "iterable"];
  Object.assign(holder, { [key]: orNothing(Reflect.get(holder, key)) });
}

const nodeSchema = z.looseObject({
  type: z.string().optional().catch(undefined),
  iterable: z
    .custom<{ type?: unknown }>((value) => typeof value === "object" && value !== null)
    .optional()
    .catch(undefined),
});

/** `operand | default([])`. */
function orNothing(operand: unknown): object {
  const empty = { type: "ArrayLiteral", value: [] };
  const filter = { type: "CallExpression", callee: { type: "Identifier", value: "default" }, args: [empty] };
  return { type: "FilterExpression", operand, filter };
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/**
 * The text of a dialogue under a Jinja chat template, as `apply_chat_template` of transformers renders it.
 * Do not encode it with special tokens allowed: a message could then hold them. Use `encodeDialogue` or `encodePrompt`.
 *
 * @throws NuwaError VALUE for what is no message ({@link checkMessages}), and for a template that fails or refuses them
 * @example renderChat(defaultChatTemplate, [{ role: "user", content: "hi" }], { addGenerationPrompt: true })
 * // "<|user|>hi<|end|><|assistant|>"
 */
export function renderChat(template: string, messages: readonly ChatMessage[], options: RenderOptions = {}): string {
  checkMessages(messages);
  const compiledTemplate = compile(template);
  try {
    return compiledTemplate.render({
      ...options.specialTokens,
      ...options.variables,
      messages: messages.map(({ role, content, fields }) => ({ ...fields, role, content })),
      tools: options.tools ?? null,
      documents: options.documents ?? null,
      add_generation_prompt: options.addGenerationPrompt === true,
    });
  } catch (cause) {
    throw refusal(messages, cause);
  }
}

/** A template's refusal, with the message that it is most likely about. */
function refusal(messages: readonly ChatMessage[], cause: unknown): NuwaError {
  const known = [...chatRoles, ...otherChatRoles];
  const index = messages.findIndex(({ role }) => !known.includes(role));
  const failed = `the chat template failed: ${reason(cause)}`;
  const role = messages[index]?.role;
  if (role === undefined) return new NuwaError("VALUE", failed, { cause });
  return new NuwaError("VALUE", `unknown role ${JSON.stringify(role)}: ${failed}`, {
    where: `messages[${index}]`,
    hint: didYouMean(role, known),
    cause,
  });
}
