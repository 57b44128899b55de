import type { TokenizerSettings } from "./settings.ts";
import { trainBpe, type TrainBpeProgress } from "./train-bpe.ts";
import { trainCharacters } from "./train-characters.ts";
import type { Tokenizer } from "./types.ts";

/** Trains the tokenizer that a recipe asks for. Throws as {@link trainBpe} and {@link trainCharacters} do. */
export async function trainTokenizer(
  texts: AsyncIterable<string> | Iterable<string>,
  settings: TokenizerSettings,
  options: { readonly onProgress?: (progress: TrainBpeProgress) => void; readonly signal?: AbortSignal } = {},
): Promise<Tokenizer> {
  if (settings.type === "char") return trainCharacters(texts, { specialTokens: settings.special_tokens });
  return trainBpe(texts, {
    vocabSize: settings.vocab_size,
    preTokenizer: settings.pre_tokenizer,
    specialTokens: settings.special_tokens,
    minFrequency: settings.min_frequency,
    maxPieces: settings.max_pieces,
    ...(settings.max_token_bytes === undefined ? {} : { maxTokenBytes: settings.max_token_bytes }),
    ...options,
  });
}
