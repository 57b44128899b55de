/** A token that stands for itself in a text, beside the model's vocabulary. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** A control token: found in a text only where the caller allows it. Others are found always. */
  readonly special: boolean;
}

/** A stretch of text: plain, or exactly one added token. */
export type Segment = { readonly text: string } | { readonly id: number };

/** Finds added tokens in a text, the longest at the leftmost place. */
export class AddedTokens {
  readonly all: readonly AddedToken[];
  readonly #ids: ReadonlyMap<string, number>;
  readonly #withSpecial: RegExp | undefined;
  readonly #withoutSpecial: RegExp | undefined;

  constructor(tokens: readonly AddedToken[]) {
    this.all = tokens;
    this.#ids = new Map(tokens.map(({ content, id }) => [content, id]));
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
      const id = this.#ids.get(match[0]);
      if (id === undefined) continue;
      if (match.index > end) segments.push({ text: text.slice(end, match.index) });
      segments.push({ id });
      end = match.index + match[0].length;
    }
    if (end < text.length) segments.push({ text: text.slice(end) });
    return segments;
  }
}

/** A regular expression for any of the tokens, longest first. */
function alternatives(tokens: readonly AddedToken[]): RegExp | undefined {
  if (tokens.length === 0) return undefined;
  const contents = tokens.map((token) => token.content).sort((a, b) => b.length - a.length);
  return new RegExp(contents.map((content) => content.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|"), "g");
}
