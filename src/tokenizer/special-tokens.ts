import { NuwaError } from "../text/index.ts";

/** Parts that control tokens play, by their usual names. */
export const defaultSpecialTokens = [
  "<|endoftext|>",
  "<|user|>",
  "<|assistant|>",
  "<|system|>",
  "<|end|>",
  "<|pad|>",
] as const;

/** Separates documents; begins and ends a text. */
export const END_OF_TEXT = "<|endoftext|>";
/** Ends a turn of a dialogue. */
export const END_OF_TURN = "<|end|>";
/** Fills up texts of a batch to one length; never learned, never generated. */
export const PAD = "<|pad|>";
/** Stands for characters that a character tokenizer has not seen, where it has such a token. */
export const UNKNOWN = "<|unk|>";

/**
 * Special tokens as given, once they are known to be usable.
 *
 * @throws NuwaError VALUE for an empty one, a single character (which could not be told from text) or one given twice
 */
export function checkSpecialTokens(tokens: readonly string[]): readonly string[] {
  const earlier = new Set<string>();
  for (const token of tokens) {
    const where = "special_tokens";
    if ([...token].length < 2) {
      throw new NuwaError("VALUE", `expected special tokens of two characters or more, got ${JSON.stringify(token)}`, {
        where,
      });
    }
    if (earlier.has(token)) throw new NuwaError("VALUE", `expected ${JSON.stringify(token)} only once`, { where });
    earlier.add(token);
  }
  return tokens;
}
