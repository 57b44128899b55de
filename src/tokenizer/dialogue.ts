import { NuwaError } from "../text/index.ts";
import { checkMessages, renderChat, type ChatMessage, type RenderOptions } from "./chat-template.ts";
import type { Tokenizer } from "./types.ts";

/** A dialogue as a model is trained on it. */
export interface EncodedDialogue {
  readonly ids: Uint32Array;
  /** For each id: 1 where the model is to learn to predict it (an answer and the token that ends it), else 0. */
  readonly weights: Float32Array;
}

/** A stretch of the rendered text: what the template wrote, or the content of a message. */
interface Part {
  readonly text: string;
  /** Index of the message whose content it is; undefined for the template's own text. */
  readonly message?: number;
  readonly learn: boolean;
}

/**
 * Ids and weights of a whole dialogue. The ids are those of the rendered text, with control tokens only where the
 * template wrote them: what a message says, say `<|end|>`, stays plain text.
 *
 * @throws NuwaError VALUE for bad messages, for a dialogue without an answer, and for a template that changes contents
 * @example encodeDialogue(tokenizer, defaultChatTemplate, [{ role: "user", content: "2+2?" }, { role: "assistant", content: "4" }])
 */
export function encodeDialogue(
  tokenizer: Tokenizer,
  template: string,
  messages: readonly ChatMessage[],
): EncodedDialogue {
  checkMessages(messages);
  if (!messages.some(({ role }) => role === "assistant")) {
    throw new NuwaError("VALUE", "expected an assistant's message to learn from, got none");
  }
  return encodeParts(tokenizer, learnable(tokenizer, dialogueParts(tokenizer, template, messages, {}), messages));
}

/**
 * Ids of a dialogue that waits for an answer, to generate from; the same as the beginning of {@link encodeDialogue}
 * of that dialogue with the answer. Contents cannot bring in control tokens.
 *
 * @throws NuwaError VALUE for bad messages, or a template that changes contents
 */
export function encodePrompt(tokenizer: Tokenizer, template: string, messages: readonly ChatMessage[]): Uint32Array {
  const parts = dialogueParts(tokenizer, template, messages, { addGenerationPrompt: true });
  return encodeParts(tokenizer, parts).ids;
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

/** Renders with a mark in the place of each content, so that it is known which text is whose. */
function dialogueParts(
  tokenizer: Tokenizer,
  template: string,
  messages: readonly ChatMessage[],
  options: RenderOptions,
): Part[] {
  const tokens = roleTokens(tokenizer);
  const rendered = renderChat(template, messages, { ...options, ...tokens });
  const mark = unusedMark(template + messages.map(({ content }) => content).join(""));
  const marked = renderChat(
    template,
    messages.map(({ role }, index) => ({ role, content: `${mark}${index}${mark}` })),
    { ...options, ...tokens },
  );
  // Even places: the template's text. Odd places: the index of a message.
  const pieces = marked.split(new RegExp(`${mark}(\\d+)${mark}`));
  const asIs = toParts(pieces, messages);
  if (joined(asIs) === rendered) return asIs;
  // Many templates trim what they print.
  const trimmed = toParts(
    pieces,
    messages.map(({ role, content }) => ({ role, content: content.trim() })),
  );
  if (joined(trimmed) === rendered) return trimmed;
  throw new NuwaError("VALUE", "the chat template changes what messages say, so answers cannot be told from the rest", {
    hint: "use a template that prints each message's content as it is, or trimmed",
  });
}

function roleTokens(tokenizer: Tokenizer): RenderOptions {
  const name = (id: number | undefined): string => (id === undefined ? "" : (tokenizer.idToToken(id) ?? ""));
  return { bosToken: name(tokenizer.bosId), eosToken: name(tokenizer.eosId) };
}

/** A string that does not occur in `text`. Private use characters: no template trims or escapes them. */
function unusedMark(text: string): string {
  let mark = "\uE000";
  while (text.includes(mark)) mark += "\uE001";
  return mark;
}

function toParts(pieces: readonly string[], messages: readonly ChatMessage[]): Part[] {
  const parts: Part[] = [];
  pieces.forEach((piece, index) => {
    const message = Number(piece);
    if (index % 2 === 0) parts.push({ text: piece, learn: false });
    else parts.push({ text: messages[message]?.content ?? "", message, learn: false });
  });
  return parts;
}

function joined(parts: readonly Part[]): string {
  return parts.map(({ text }) => text).join("");
}

/** Marks assistants' contents, and of the template's text after them what ends the turn. */
function learnable(tokenizer: Tokenizer, parts: readonly Part[], messages: readonly ChatMessage[]): Part[] {
  const result: Part[] = [];
  let afterAnswer = false;
  for (const part of parts) {
    const isAnswer = part.message !== undefined && messages[part.message]?.role === "assistant";
    if (part.message === undefined && afterAnswer) {
      const end = turnEnd(tokenizer, part.text);
      result.push({ text: part.text.slice(0, end), learn: true }, { text: part.text.slice(end), learn: false });
    } else {
      result.push({ ...part, learn: isAnswer });
    }
    afterAnswer = isAnswer;
  }
  return result;
}

/** Where the end of a turn ends: after the first control token, else after the first character. */
function turnEnd(tokenizer: Tokenizer, text: string): number {
  let first = Infinity;
  let end = Math.min(1, text.length);
  for (const token of tokenizer.specialTokens.keys()) {
    const at = text.indexOf(token);
    if (at < 0 || at > first || (at === first && at + token.length < end)) continue;
    first = at;
    end = at + token.length;
  }
  return end;
}

/** Encodes parts as the one text that they are: between control tokens of the template, all parts are encoded together. */
function encodeParts(tokenizer: Tokenizer, parts: readonly Part[]): EncodedDialogue {
  const ids: number[] = [];
  const weights: number[] = [];
  let plain: Part[] = [];
  const flush = (): void => {
    encodePlain(tokenizer, plain, ids, weights);
    plain = [];
  };
  for (const part of parts) {
    if (part.message !== undefined) {
      plain.push(part);
      continue;
    }
    for (const { text, id } of splitSpecial(tokenizer, part.text)) {
      if (id === undefined) {
        plain.push({ text, learn: part.learn });
        continue;
      }
      flush();
      ids.push(id);
      weights.push(part.learn ? 1 : 0);
    }
  }
  flush();
  return { ids: Uint32Array.from(ids), weights: Float32Array.from(weights) };
}

function* splitSpecial(tokenizer: Tokenizer, text: string): Generator<{ text: string; id?: number }> {
  const tokens = [...tokenizer.specialTokens.keys()].sort((a, b) => b.length - a.length);
  let start = 0;
  while (start < text.length) {
    let at = text.length;
    let found: string | undefined;
    for (const token of tokens) {
      const index = text.indexOf(token, start);
      if (index < 0 || index >= at) continue;
      at = index;
      found = token;
    }
    if (at > start) yield { text: text.slice(start, at) };
    if (found === undefined) return;
    yield { text: found, id: tokenizer.specialTokens.get(found) ?? 0 };
    start = at + found.length;
  }
}

/** A token belongs to the part in which its first byte lies. */
function encodePlain(tokenizer: Tokenizer, parts: readonly Part[], ids: number[], weights: number[]): void {
  const nonEmpty = parts.filter(({ text }) => text !== "");
  const whole = tokenizer.encode(joined(nonEmpty));
  const alike = nonEmpty.every(({ learn }) => learn === nonEmpty[0]?.learn);
  if (alike) {
    for (const id of whole) ids.push(id);
    for (let i = 0; i < whole.length; i++) weights.push(nonEmpty[0]?.learn === true ? 1 : 0);
    return;
  }
  const ends: number[] = [];
  let total = 0;
  for (const { text } of nonEmpty) ends.push((total += Buffer.byteLength(text)));
  let bytes = 0;
  for (const id of whole) bytes += tokenizer.tokenBytes(id).length;
  if (bytes !== total) {
    // The tokenizer normalizes, or has an unknown token: places cannot be told from bytes, so each part is encoded alone.
    for (const part of nonEmpty) encodePlain(tokenizer, [part], ids, weights);
    return;
  }
  let at = 0;
  let part = 0;
  for (const id of whole) {
    while (at >= (ends[part] ?? Infinity)) part++;
    ids.push(id);
    weights.push(nonEmpty[part]?.learn === true ? 1 : 0);
    at += tokenizer.tokenBytes(id).length;
  }
}
