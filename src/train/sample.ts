import { sampleToken, type SamplingSettings } from "../generate/sampler.ts";
import type { CausalModel } from "../models/index.ts";
import { type Arena, PhiloxStream, Tape, Tensor } from "../tensor/index.ts";
import type { Tokenizer } from "../tokenizer/index.ts";

export interface SampleOptions {
  readonly prompt: ArrayLike<number>;
  /** Most new tokens. */
  readonly tokens: number;
  readonly settings: SamplingSettings;
  readonly seed: number;
  /** Distinguishes samples of one run: the step and the place of the prompt. */
  readonly stream: readonly [number, number];
  /** Ids that end the text; they are not part of it. */
  readonly stop: ReadonlySet<number>;
}

/** Philox stream word of samples, so that they share no numbers with data or dropout. */
const SAMPLE_STREAM = 3;

/** A short text from a model that is being trained. One sequence, with a cache, ended by the model's context. */
export function writeSample(
  model: CausalModel,
  tokenizer: Tokenizer,
  arena: Arena,
  { prompt, tokens, settings, seed, stream, stop }: SampleOptions,
): string {
  const context = model.config.max_position_embeddings;
  const ids = Array.from(prompt).slice(-(context - 1));
  const end = Math.min(context, ids.length + tokens);
  const cache = model.createCache(1, context);
  const random = new PhiloxStream(seed, [stream[0], stream[1], SAMPLE_STREAM]);
  const written: number[] = [];
  try {
    for (let input = ids; ids.length + written.length < end; input = written.slice(-1)) {
      const T = input.length;
      const tape = new Tape({ device: model.device, arena, recording: false, training: false });
      const hidden = model.hidden(tape, tape.constant(input, [1, T], "int32"), { cache }); // (1, T, C)
      const C = hidden.length / T;
      const last = new Tensor(model.device, hidden.storage.slice((T - 1) * C, C), [1, C]);
      const logits = model.logits(tape, last).toArray(); // (1, V)
      arena.reset();
      const { id } = sampleToken(logits, settings, () => random.uniform(), [...ids, ...written]);
      if (stop.has(id)) break;
      written.push(id);
    }
  } finally {
    cache.release();
  }
  return tokenizer.decode(written, { skipSpecialTokens: true });
}
