import { Merger } from "./merger.ts";
import { fallBack } from "../steps/byte-fallback.ts";
import { noToken, type PieceModel } from "./piece-model.ts";

export interface CharacterBpeParts {
  readonly ids: ReadonlyMap<string, number>;
  /** Left, right and result ids, by rank. */
  readonly merges: readonly (readonly [number, number, number])[];
  /** Stands before every character of a piece but the first, as in `##a`. */
  readonly prefix: string;
  /** Stands after the last character of a piece, as in `a</w>`. */
  readonly suffix: string;
  /** Undefined: an unknown character is left out. "missing": it is an error. */
  readonly unknownId: number | undefined | "missing";
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
    const room = (piece.length + prefix.length * piece.length + suffix.length) * 3;
    if (this.#symbols.length < room) this.#symbols = new Int32Array(room);
    const symbols = this.#symbols;
    let count = 0;
    // As in the original, an unknown character waits for the next known one, which bytes are not.
    let pending = -1;
    let at = 0;
    for (const character of piece) {
      const before = at;
      at += character.length;
      const name = (before > 0 ? prefix : "") + character + (at === piece.length ? suffix : "");
      const id = ids.get(name);
      if (id !== undefined) {
        if (pending >= 0) symbols[count++] = pending;
        pending = -1;
        symbols[count++] = id;
        continue;
      }
      const bytes = byteIds === undefined ? undefined : fallBack(name, byteIds);
      if (bytes !== undefined) {
        for (const byte of bytes) symbols[count++] = byte;
        continue;
      }
      if (unknownId === undefined) continue;
      if (unknownId === "missing") throw noToken(character);
      if (pending >= 0 && !fuseUnknown) symbols[count++] = pending;
      pending = unknownId;
    }
    if (pending >= 0) symbols[count++] = pending;
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
      if (typeof real !== "number" || (fuseUnknown && real === unknownId && result.at(-1) === unknownId)) continue;
      result.push(real);
    }
    return result;
  }
}
