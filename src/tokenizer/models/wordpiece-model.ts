import type { PieceModel } from "./piece-model.ts";

/**
 * WordPiece: from the left, always the longest token that fits; a word that cannot be covered is unknown as a whole.
 * Source: Devlin et al. 2019, WordpieceTokenizer.
 */
export class WordPieceModel implements PieceModel {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #prefix: string;
  readonly #unknownId: number;
  readonly #longestWord: number;
  readonly #longestToken: number;

  /**
   * @param ids by token; tokens inside a word begin with `prefix`
   * @param longestWord characters; a longer word is unknown
   */
  constructor(ids: ReadonlyMap<string, number>, prefix: string, unknownId: number, longestWord: number) {
    this.#ids = ids;
    this.#prefix = prefix;
    this.#unknownId = unknownId;
    this.#longestWord = longestWord;
    let longest = 0;
    for (const token of ids.keys()) longest = Math.max(longest, token.length);
    this.#longestToken = longest;
  }

  encode(piece: string): number[] {
    // UTF-16 units are at least as many as characters.
    if (piece.length > this.#longestWord && [...piece].length > this.#longestWord) return [this.#unknownId];
    const found: number[] = [];
    for (let start = 0; start < piece.length; ) {
      let id: number | undefined;
      let end = Math.min(piece.length, start + this.#longestToken);
      for (; end > start; end--) {
        const part = piece.slice(start, end);
        id = this.#ids.get(start === 0 ? part : this.#prefix + part);
        if (id !== undefined) break;
      }
      if (id === undefined) return [this.#unknownId];
      found.push(id);
      start = end;
    }
    return found;
  }
}
