import type { Tokenizer } from "../../../tokenizer/index.ts";

/** A token as a person can read it: its text in quotes, or its bytes where they are only part of a character. */
export function showToken(tokenizer: Tokenizer, id: number): string {
  const text = tokenizer.decode([id]);
  if (!text.includes("\uFFFD")) return JSON.stringify(text);
  const bytes = [...tokenizer.tokenBytes(id)].map((byte) => byte.toString(16).toUpperCase().padStart(2, "0"));
  return `<${bytes.join(" ")}>`;
}

/** Columns that a text takes on a terminal: two for Chinese, Japanese and Korean characters and for emoji. */
function columns(text: string): number {
  const wide =
    /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/;
  let total = 0;
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue;
    total += wide.test(character) || (character.codePointAt(0) ?? 0) >= 0x1f300 ? 2 : 1;
  }
  return total;
}

/**
 * Training pairs as a textbook prints them: what the model sees, and the token that it must predict. One window of
 * `context` tokens holds `context` pairs, each with one token more to look back on.
 *
 * @param tokens at least two
 * @example
 * formatPairs(tokenizer.encode("First Citizen:"), tokenizer, { context: 2 })
 * // "First"           ->  " Citizen"  (id 512)
 * // "First Citizen"   ->  ":"         (id 30)
 */
export function formatPairs(
  tokens: ArrayLike<number>,
  tokenizer: Tokenizer,
  options: { readonly context: number; readonly pairs?: number },
): string {
  const limit = options.pairs ?? Infinity;
  const ids = Array.from({ length: tokens.length }, (_, i) => tokens[i] ?? 0);
  const rows: { context: string; next: string; id: number }[] = [];
  for (let at = 1; at < ids.length && rows.length < limit; at++) {
    // A new window begins every `context` pairs, as in training.
    const start = Math.floor((at - 1) / options.context) * options.context;
    const context = JSON.stringify(tokenizer.decode(ids.slice(start, at)));
    const id = ids[at] ?? 0;
    rows.push({ context, next: showToken(tokenizer, id), id });
  }
  const widest = (texts: readonly string[]): number => texts.reduce((most, text) => Math.max(most, columns(text)), 0);
  const contextColumns = widest(rows.map(({ context }) => context));
  const nextColumns = widest(rows.map(({ next }) => next));
  const pad = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - columns(text)));
  return rows
    .map(({ context, next, id }) => `${pad(context, contextColumns)}  ->  ${pad(next, nextColumns)}  (id ${id})`)
    .join("\n");
}
