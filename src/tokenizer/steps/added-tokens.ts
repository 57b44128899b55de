import type { JsonObject } from "../types.ts";

/** A token that stands for itself in a text, beside the model's vocabulary. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** A control token: found in a text only where the caller allows it. Others are found always. */
  readonly special: boolean;
  /** Not inside a word. */
  readonly singleWord?: boolean;
  /** Takes the blanks before it along. */
  readonly leftStrip?: boolean;
  /** Takes the blanks after it along. */
  readonly rightStrip?: boolean;
  /** Looked for in the normalized text, not in the text as given. */
  readonly normalized?: boolean;
}

/** The JSON of an added token that is matched exactly as written. */
export function addedTokenJson({ id, content, special }: AddedToken): JsonObject {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special };
}

/** A stretch of text: plain, or exactly one added token. */
export type Segment = { readonly text: string } | { readonly id: number };

/** Finds added tokens in a text, the longest at the leftmost place. */
export class AddedTokens {
  readonly all: readonly AddedToken[];
  readonly #tokens: ReadonlyMap<string, AddedToken>;
  readonly #withSpecial: RegExp | undefined;
  readonly #withoutSpecial: RegExp | undefined;

  constructor(tokens: readonly AddedToken[]) {
    this.all = tokens;
    this.#tokens = new Map(tokens.map((token) => [token.content, token]));
    this.#withSpecial = alternatives(tokens);
    this.#withoutSpecial = alternatives(tokens.filter((token) => !token.special));
  }

  /** Cuts `text` at added tokens; at control tokens only when `allowSpecial`. */
  split(text: string, allowSpecial: boolean): Segment[] {
    const pattern = allowSpecial ? this.#withSpecial : this.#withoutSpecial;
    if (pattern === undefined) return [{ text }];
    const segments: Segment[] = [];
    let end = 0;
    for (const match of text.matchAll(pattern)) {
      const token = this.#tokens.get(match[0]);
      if (token === undefined) continue;
      let start = match.index;
      let stop = start + match[0].length;
      if (token.singleWord === true && (WORD_END.test(text.slice(0, start)) || WORD_START.test(text.slice(stop)))) {
        continue;
      }
      if (token.leftStrip === true) while (start > end && SPACE.test(text.charAt(start - 1))) start--;
      if (token.rightStrip === true) while (stop < text.length && SPACE.test(text.charAt(stop))) stop++;
      // What an earlier token took along is not there any more.
      start = Math.max(start, end);
      if (start > end) segments.push({ text: text.slice(end, start) });
      segments.push({ id: token.id });
      end = stop;
    }
    if (end < text.length) segments.push({ text: text.slice(end) });
    return segments;
  }
}

const WORD = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";
const WORD_END = new RegExp(`${WORD}$`, "u");
const WORD_START = new RegExp(`^${WORD}`, "u");
const SPACE = /\p{White_Space}/u;

/** A regular expression for any of the tokens, longest first. */
function alternatives(tokens: readonly AddedToken[]): RegExp | undefined {
  if (tokens.length === 0) return undefined;
  const contents = tokens.map((token) => token.content).sort((a, b) => b.length - a.length);
  return new RegExp(contents.map((content) => content.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|"), "g");
}
