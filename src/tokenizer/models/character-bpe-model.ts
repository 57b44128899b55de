import { Merger } from "./merger.ts";
import { fallBack } from "../steps/byte-fallback.ts";
import type { PieceModel } from "./piece-model.ts";

export interface CharacterBpeParts {
  readonly ids: ReadonlyMap<string, number>;
  /** Left, right and result ids, by rank. */
  readonly merges: readonly (readonly [number, number, number])[];
  /** Stands before every character of a piece but the first, as in `##a`. */
  readonly prefix: string;
  /** Stands after the last character of a piece, as in `a</w>`. */
  readonly suffix: string;
  /** Undefined: an unknown character is left out. */
  readonly unknownId: number | undefined;
  /** Neighbouring unknown characters are one token. */
  readonly fuseUnknown: boolean;
  readonly byteIds: readonly (number | undefined)[] | undefined;
  /** A piece that is a token is that token, whatever the merges say. */
  readonly wholePieces: boolean;
  /**
   * Ids from here on are of characters that only merges know: no token. They become unknown when nothing has taken
   * them up. Default: none are.
   */
  readonly firstPseudoId?: number | undefined;
}

/** Byte pair encoding over characters (Sennrich et al. 2016), with bytes for unknown ones where there are byte tokens. */
export class CharacterBpeModel implements PieceModel {
  readonly #parts: CharacterBpeParts;
  readonly #merger: Merger;
  #symbols = new Int32Array(256);

  constructor(parts: CharacterBpeParts) {
    this.#parts = parts;
    this.#merger = new Merger(parts.merges);
  }

  encode(piece: string): number[] {
    const { ids, prefix, suffix, unknownId, fuseUnknown, byteIds, wholePieces, firstPseudoId } = this.#parts;
    if (wholePieces) {
      const whole = ids.get(piece);
      if (whole !== undefined) return [whole];
    }
    if (this.#symbols.length < piece.length * 4) this.#symbols = new Int32Array(piece.length * 4);
    const symbols = this.#symbols;
    let count = 0;
    let lastIsUnknown = false;
    let at = 0;
    for (const character of piece) {
      const before = at;
      at += character.length;
      const id = ids.get((before > 0 ? prefix : "") + character + (at === piece.length ? suffix : ""));
      if (id !== undefined) {
        symbols[count++] = id;
        lastIsUnknown = false;
        continue;
      }
      const bytes = byteIds === undefined ? undefined : fallBack(character, byteIds);
      if (bytes !== undefined) {
        for (const byte of bytes) symbols[count++] = byte;
        lastIsUnknown = false;
      } else if (unknownId !== undefined) {
        if (!(fuseUnknown && lastIsUnknown)) symbols[count++] = unknownId;
        lastIsUnknown = true;
      }
    }
    count = this.#merger.merge(symbols, count);
    const found = Array.from(symbols.subarray(0, count));
    return firstPseudoId === undefined ? found : this.#withoutPseudo(found, firstPseudoId);
  }

  /** Characters that merges know and the vocabulary does not, once merging is over. */
  #withoutPseudo(found: readonly number[], firstPseudoId: number): number[] {
    if (found.every((id) => id < firstPseudoId)) return [...found];
    const { unknownId, fuseUnknown } = this.#parts;
    const result: number[] = [];
    for (const id of found) {
      const real = id < firstPseudoId ? id : unknownId;
      if (real === undefined || (fuseUnknown && real === unknownId && result.at(-1) === unknownId)) continue;
      result.push(real);
    }
    return result;
  }
}
