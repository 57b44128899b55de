/** What cuts one piece into tokens: the `model` part of a tokenizer.json. */
export interface PieceModel {
  /** The ids of a piece that is not empty and has no lone surrogates. */
  encode(piece: string): number[];
}
