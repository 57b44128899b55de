import { codePointAt } from "./character-classes.ts";
import type { Normalizer } from "./normalizers.ts";
import { escapeRegex } from "./step-json.ts";
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
  /** Searched for in the normalized text, not in the original. */
  readonly normalized?: boolean;
}

/** The JSON of an added token that is matched exactly as written. */
export function addedTokenJson({ id, content, special }: AddedToken): JsonObject {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special };
}

/** What a text is cut into at added tokens. */
export interface SegmentVisitor {
  readonly token: (id: number) => void;
  /** @param isFirst whether the stretch begins where the whole text begins */
  readonly text: (text: string, isFirst: boolean) => void;
}

/**
 * Finds added tokens in a text, the longest at the leftmost place: first those that are not normalized, then, in what is
 * left and has been normalized, the others.
 */
export class AddedTokens {
  readonly #raw: TokenFinder;
  readonly #normalized: TokenFinder;
  readonly #normalize: Normalizer | undefined;

  /** @param normalize what is done to text beside the tokens, and to the contents of tokens that ask for it */
  constructor(tokens: readonly AddedToken[], normalize?: Normalizer) {
    this.#normalize = normalize;
    this.#raw = new TokenFinder(tokens.filter((token) => token.normalized !== true));
    const change = normalize ?? ((text: string) => text);
    this.#normalized = new TokenFinder(
      tokens
        .filter((token) => token.normalized === true)
        .map((token) => ({ ...token, content: change(token.content) })),
    );
  }

  /** Shows the parts of `text` in their order; control tokens are found only when `allowSpecial`. */
  split(text: string, allowSpecial: boolean, visitor: SegmentVisitor): void {
    const normalize = this.#normalize;
    this.#raw.split(text, allowSpecial, {
      token: visitor.token,
      text: (part, isFirst) => {
        const changed = normalize === undefined ? part : normalize(part);
        this.#normalized.split(changed, allowSpecial, {
          token: visitor.token,
          text: (inner, innerIsFirst) => visitor.text(inner, isFirst && innerIsFirst && !dropsFirst(part, normalize)),
        });
      },
    });
  }
}

/** Whether the normalizer leaves out the first character, so that what is left begins further on in the text. */
function dropsFirst(text: string, normalize: Normalizer | undefined): boolean {
  return normalize !== undefined && normalize(String.fromCodePoint(codePointAt(text, 0))) === "";
}

const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const SPACE = /\p{White_Space}/u;

/** One pass over a text. */
class TokenFinder {
  readonly #tokens: ReadonlyMap<string, AddedToken>;
  readonly #pattern: RegExp | undefined;
  readonly #hasPlain: boolean;

  constructor(tokens: readonly AddedToken[]) {
    // Of two with one content the later counts, and any other after a control token.
    const ordered = [...tokens.filter(({ special }) => special), ...tokens.filter(({ special }) => !special)];
    this.#tokens = new Map(ordered.flatMap((token) => (token.content === "" ? [] : [[token.content, token]])));
    this.#hasPlain = tokens.some(({ special }) => !special);
    const contents = [...this.#tokens.keys()].sort((a, b) => b.length - a.length);
    this.#pattern = contents.length === 0 ? undefined : new RegExp(contents.map(escapeRegex).join("|"), "gu");
  }

  split(text: string, allowSpecial: boolean, visitor: SegmentVisitor): void {
    if (this.#pattern === undefined || !(allowSpecial || this.#hasPlain)) {
      if (text !== "") visitor.text(text, true);
      return;
    }
    let end = 0;
    for (const match of text.matchAll(this.#pattern)) {
      const token = this.#tokens.get(match[0]);
      if (token === undefined || (token.special && !allowSpecial)) continue;
      let start = match.index;
      let stop = start + match[0].length;
      if (token.singleWord === true && (isWordBefore(text, start) || isWordAt(text, stop))) continue;
      if (token.leftStrip === true) while (start > end && SPACE.test(text.charAt(start - 1))) start--;
      if (token.rightStrip === true) while (stop < text.length && SPACE.test(text.charAt(stop))) stop++;
      if (start > end) visitor.text(text.slice(end, start), end === 0);
      visitor.token(token.id);
      end = stop;
    }
    if (end < text.length) visitor.text(text.slice(end), end === 0);
  }
}

function isWordAt(text: string, index: number): boolean {
  return index < text.length && WORD.test(String.fromCodePoint(codePointAt(text, index)));
}

function isWordBefore(text: string, index: number): boolean {
  if (index === 0) return false;
  const unit = text.charCodeAt(index - 1);
  const isTrail = unit >= 0xdc00 && unit <= 0xdfff && index > 1;
  return isWordAt(text, index - (isTrail ? 2 : 1));
}
