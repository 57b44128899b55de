import { noToken, type PieceModel } from "./piece-model.ts";

/** A token for each whole piece; a piece that is none is unknown. */
export class WordLevelModel implements PieceModel {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #unknownId: number | undefined;

  constructor(ids: ReadonlyMap<string, number>, unknownId: number | undefined) {
    this.#ids = ids;
    this.#unknownId = unknownId;
  }

  encode(piece: string): number[] {
    const id = this.#ids.get(piece) ?? this.#unknownId;
    if (id === undefined) throw noToken(piece);
    return [id];
  }
}
