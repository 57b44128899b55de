import { NuwaError } from "../../text/index.ts";

/** What cuts one piece into tokens: the `model` part of a tokenizer.json. */
export interface PieceModel {
  /**
   * The ids of a piece that is not empty and has no lone surrogates.
   *
   * @throws NuwaError DATA for what has no token, where there is none for the unknown
   */
  encode(piece: string): number[];
}

/** For text that the vocabulary cannot write. */
export function noToken(text: string): NuwaError {
  return new NuwaError("DATA", `the tokenizer has no token for ${JSON.stringify(text)}, and none for the unknown`);
}
