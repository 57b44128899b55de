import { Template } from "@huggingface/jinja";
import { didYouMean, NuwaError } from "../text/index.ts";

export const chatRoles = ["system", "user", "assistant"] as const;
export type ChatRole = (typeof chatRoles)[number];

/** One turn of a dialogue. `role` is checked when it is used: messages come from files and from requests. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
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

export interface RenderOptions {
  /** Ends with what comes before an assistant's answer. Default false. */
  readonly addGenerationPrompt?: boolean;
  /** `bos_token` and `eos_token`, for templates that print them. */
  readonly bosToken?: string;
  readonly eosToken?: string;
}

/**
 * Refuses messages that no chat template is made for: an optional system message, then user and assistant in turn.
 *
 * @throws NuwaError VALUE naming the message: an unknown role, two of one role in a row, no message at all, …
 */
export function checkMessages(messages: readonly ChatMessage[]): void {
  if (messages.length === 0) throw new NuwaError("VALUE", "expected at least one message, got none");
  const first = messages[0]?.role === "system" ? 1 : 0;
  messages.forEach((message, index) => {
    const where = `messages[${index}]`;
    if (typeof message.content !== "string") {
      throw new NuwaError("VALUE", `expected content to be text, got ${typeof message.content}`, { where });
    }
    if (!(chatRoles as readonly string[]).includes(message.role)) {
      const hint = didYouMean(String(message.role), chatRoles);
      throw new NuwaError("VALUE", `unknown role ${JSON.stringify(message.role)}`, { where, hint });
    }
    if (index < first) return;
    const expected = (index - first) % 2 === 0 ? "user" : "assistant";
    if (message.role !== expected) {
      throw new NuwaError("VALUE", `expected role "${expected}", got "${message.role}"`, {
        where,
        hint: "an optional system message comes first, then user and assistant in turn",
      });
    }
  });
  if (messages.length === first) throw new NuwaError("VALUE", "expected a user message after the system message");
}

/** Compiled templates: the same one renders every dialogue of a corpus. */
const compiled = new Map<string, Template>();

function compile(source: string): Template {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  try {
    const template = new Template(source);
    if (compiled.size >= 16) compiled.clear();
    compiled.set(source, template);
    return template;
  } catch (cause) {
    throw new NuwaError("VALUE", `the chat template cannot be read: ${reason(cause)}`, { cause });
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/**
 * The text of a dialogue under a Jinja chat template, as `apply_chat_template` of transformers renders it.
 * Do not encode it with special tokens allowed: a message could then hold them. Use `encodeDialogue` or `encodePrompt`.
 *
 * @throws NuwaError VALUE for bad messages ({@link checkMessages}) and for a template that fails
 * @example renderChat(defaultChatTemplate, [{ role: "user", content: "hi" }], { addGenerationPrompt: true })
 * // "<|user|>hi<|end|><|assistant|>"
 */
export function renderChat(template: string, messages: readonly ChatMessage[], options: RenderOptions = {}): string {
  checkMessages(messages);
  try {
    return compile(template).render({
      messages: messages.map(({ role, content }) => ({ role, content })),
      add_generation_prompt: options.addGenerationPrompt === true,
      bos_token: options.bosToken ?? "",
      eos_token: options.eosToken ?? "",
    });
  } catch (cause) {
    if (cause instanceof NuwaError) throw cause;
    throw new NuwaError("VALUE", `the chat template failed: ${reason(cause)}`, { cause });
  }
}
