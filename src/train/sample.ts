import { Decoder, generateTokens, type SamplingSettings } from "../generate/index.ts";
import type { CausalModel } from "../models/index.ts";
import type { Arena } from "../tensor/index.ts";
import type { Tokenizer } from "../tokenizer/index.ts";

export interface SampleOptions {
  readonly prompt: ArrayLike<number>;
  /** Maximum number of new tokens. */
  readonly tokens: number;
  readonly settings: SamplingSettings;
  readonly seed: number;
  /** Distinguishes samples of one run: the step and the index of the prompt. */
  readonly stream: readonly [number, number];
  /** Ids that end the text; they are not part of it. */
  readonly stop: ReadonlySet<number>;
}

/** Philox stream word of samples, so that they share no numbers with data or dropout. */
const SAMPLE_STREAM = 3;

/** A short text from a model that is being trained. One sequence, with a cache, ended by the model's context. */
export async function writeSample(
  model: CausalModel,
  tokenizer: Tokenizer,
  arena: Arena,
  { prompt, tokens, settings, seed, stream: [step, index], stop }: SampleOptions,
): Promise<string> {
  const ids = Array.from(prompt).slice(-(model.config.max_position_embeddings - 1));
  const decoder = new Decoder(model, { arena });
  const written: number[] = [];
  try {
    const request = {
      ids,
      settings: { ...settings, max_tokens: tokens, seed },
      stopIds: stop,
      stream: [step, index, SAMPLE_STREAM],
    } as const;
    for await (const { id } of generateTokens(decoder, [request])) if (id !== undefined) written.push(id);
  } finally {
    decoder.dispose();
    arena.reset();
  }
  return tokenizer.decode(written, { skipSpecialTokens: true });
}
