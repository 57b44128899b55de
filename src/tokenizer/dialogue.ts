import { NuwaError } from "../text/index.ts";
import type { ChatMessage, TemplateInputs } from "./chat-template.ts";
import { learnedSpans, type Span } from "./learned-spans.ts";
import { renderControlled, stripsOf, type Rendered } from "./rendered.ts";
import type { Tokenizer } from "./types.ts";

/** A dialogue as a model is trained on it. */
export interface EncodedDialogue {
  readonly ids: Uint32Array;
  /**
   * For each id how much the model is to learn to predict it: the weight of its message for an answer and the token that
   * ends it, else 0.
   */
  readonly weights: Float32Array;
}

/**
 * Ids and weights of a whole dialogue. The ids are those of the rendered text, with control tokens only where the
 * template wrote them: what a message says, say `<|end|>`, stays plain text. What is learned is what the template marks by
 * `{% generation %}`; else each answer with the token that ends it, as the whole dialogue renders it. An answer that the
 * whole renders otherwise than it was given (thinking of earlier turns left out) is context only.
 *
 * @throws NuwaError VALUE for messages that the template refuses, for tools, documents or fields of messages that it never
 * reads, and for a dialogue without an answer to learn from
 * @example encodeDialogue(tokenizer, defaultChatTemplate, [{ role: "user", content: "2+2?" }, { role: "assistant", content: "4" }])
 */
export function encodeDialogue(
  tokenizer: Tokenizer,
  template: string,
  messages: readonly ChatMessage[],
  inputs: TemplateInputs = {},
): EncodedDialogue {
  const answers = messages.filter(({ role, weight }) => role === "assistant" && weight !== 0);
  if (messages.length > 0 && answers.length === 0) {
    throw new NuwaError("VALUE", "expected an assistant's message to learn from, got none");
  }
  checkRead(template, messages, inputs);
  const rendered = renderControlled(tokenizer, template, messages, inputs);
  const spans = learnedSpans(tokenizer, template, messages, inputs, rendered);
  if (spans.length === 0) {
    throw new NuwaError(
      "VALUE",
      "the chat template shows no answer as it was given, so there is nothing to learn from",
    );
  }
  return encodeRendered(tokenizer, rendered, spans);
}

/**
 * Ids of a dialogue that waits for an answer, to generate from; the same as the beginning of {@link encodeDialogue}
 * of that dialogue with the answer. Contents cannot bring in control tokens.
 *
 * @throws NuwaError VALUE for messages that the template refuses
 */
export function encodePrompt(
  tokenizer: Tokenizer,
  template: string,
  messages: readonly ChatMessage[],
  inputs: TemplateInputs = {},
): Uint32Array {
  const rendered = renderControlled(tokenizer, template, messages, { ...inputs, addGenerationPrompt: true });
  return encodeRendered(tokenizer, rendered, []).ids;
}

/** What the template never speaks of would be left out without a word. */
function checkRead(template: string, messages: readonly ChatMessage[], inputs: TemplateInputs): void {
  const refuse = (name: string, where?: string): void => {
    if (template.includes(name)) return;
    throw new NuwaError("VALUE", `the chat template does not read "${name}"`, where === undefined ? {} : { where });
  };
  messages.forEach(({ fields }, index) => {
    for (const name of Object.keys(fields ?? {})) refuse(name, `messages[${index}]`);
  });
  if (inputs.tools !== undefined) refuse("tools");
  if (inputs.documents !== undefined) refuse("documents");
}

/** The ids that end an answer: generation stops at them. The template's end token, and the end of text. */
export function stopIds(tokenizer: Tokenizer, template: string): number[] {
  const messages = [
    { role: "user", content: "a" },
    { role: "assistant", content: "b" },
  ];
  const { ids, weights } = encodeDialogue(tokenizer, template, messages);
  const last = ids[weights.lastIndexOf(1)];
  const special = new Set(tokenizer.specialTokens.values());
  const stops = [last, tokenizer.eosId].filter((id) => id !== undefined && special.has(id));
  return [...new Set(stops)].filter((id) => id !== undefined);
}

/** Encodes the rendered text: between control tokens of the template, all text is encoded together. */
function encodeRendered(tokenizer: Tokenizer, rendered: Rendered, spans: readonly Span[]): EncodedDialogue {
  const ids: number[] = [];
  const weights: number[] = [];
  const { text, controls } = rendered;
  let at = 0;
  let isStripped = false;
  const plain = (end: number, stripsEnd: boolean): void => {
    let [from, to] = [at, end];
    if (isStripped) while (from < to && SPACE.test(text.charAt(from))) from++;
    if (stripsEnd) while (to > from && SPACE.test(text.charAt(to - 1))) to--;
    if (from < to) encodePlain(tokenizer, text, from, to, spans, ids, weights, from > 0);
  };
  for (const { start, end, id } of controls) {
    const strips = stripsOf(tokenizer, id);
    plain(start, strips.left);
    ids.push(id);
    weights.push(weightAt(spans, start));
    at = end;
    isStripped = strips.right;
  }
  plain(text.length, false);
  return { ids: Uint32Array.from(ids), weights: Float32Array.from(weights) };
}

const SPACE = /\p{White_Space}/u;

function weightAt(spans: readonly Span[], index: number): number {
  return spans.find(({ start, end }) => index >= start && index < end)?.weight ?? 0;
}

/** A token belongs to the span in which its first byte lies. */
function encodePlain(
  tokenizer: Tokenizer,
  text: string,
  from: number,
  to: number,
  spans: readonly Span[],
  ids: number[],
  weights: number[],
  isContinuation: boolean,
): void {
  const whole = tokenizer.encode(text.slice(from, to), { isContinuation });
  const edges = spans.flatMap(({ start, end }) => [start, end]).filter((edge) => edge > from && edge < to);
  const bounds = [...new Set([from, ...edges, to])].sort((a, b) => a - b);
  const push = (found: ArrayLike<number>, weight: number): void => {
    for (let i = 0; i < found.length; i++) {
      ids.push(found[i] ?? 0);
      weights.push(weight);
    }
  };
  if (bounds.length === 2) {
    push(whole, weightAt(spans, from));
    return;
  }
  const parts = bounds.slice(1).map((end, i) => ({ start: bounds[i] ?? from, end }));
  const ends: number[] = [];
  let total = 0;
  for (const { start, end } of parts) ends.push((total += Buffer.byteLength(text.slice(start, end))));
  let bytes = 0;
  for (const id of whole) bytes += tokenizer.tokenBytes(id).length;
  if (bytes !== total) {
    // The tokenizer normalizes, or has an unknown token: positions do not follow from bytes, so each part is encoded alone.
    for (const { start, end } of parts) {
      push(tokenizer.encode(text.slice(start, end), { isContinuation: start > 0 }), weightAt(spans, start));
    }
    return;
  }
  let offset = 0;
  let part = 0;
  for (const id of whole) {
    while (offset >= (ends[part] ?? Infinity)) part++;
    ids.push(id);
    weights.push(weightAt(spans, parts[part]?.start ?? from));
    offset += tokenizer.tokenBytes(id).length;
  }
}
