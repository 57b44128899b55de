import type { Tape, Tensor } from "../tensor/index.ts";
import type { LossOptions, LossResult, TokenBatch } from "./causal-model.ts";
import type { GenerationCache, Model } from "./model.ts";

/** A source text as its encoder leaves it. */
export interface Encoded {
  /** (B, S, C) */
  readonly hidden: Tensor;
  /** int32 (B, S): negative where the source is padding; undefined when there is none. */
  readonly segments?: Tensor | undefined;
}

/** Pairs of texts; a batch's `tokens` and `targets` are the second of each pair, its `segments` mark padding. */
export interface PairBatch extends Omit<TokenBatch, "positions"> {
  /** int32 (B, S) */
  readonly source: Tensor;
  /** int32 (B, S): negative where the source is padding. */
  readonly sourceSegments?: Tensor | undefined;
}

/** A model that gives each token's probability from those before it and from a source text (Sutskever et al. 2014). */
export interface SequenceToSequenceModel extends Model {
  readonly kind: "sequence-to-sequence";
  /** source int32 (B, S). @throws NuwaError VALUE when it is longer than the model */
  encode(tape: Tape, source: Tensor, options?: { readonly segments?: Tensor | undefined }): Encoded;
  /**
   * tokens int32 (B, T) -> (B, T, C). With a cache, they continue what is in it, and are added to it.
   * @throws NuwaError VALUE when a text is longer than the model or the cache has room for
   */
  hidden(
    tape: Tape,
    source: Encoded,
    tokens: Tensor,
    options?: { readonly cache?: GenerationCache | undefined; readonly segments?: Tensor | undefined },
  ): Tensor;
  /** hidden (…, C) -> (…, V), before softmax. */
  logits(tape: Tape, hidden: Tensor): Tensor;
  /** Mean cross-entropy of the targets. */
  loss(tape: Tape, batch: PairBatch, options: LossOptions): LossResult;
  /** Room for `capacity` tokens of B texts; the caller releases it. */
  createCache(B: number, capacity: number): GenerationCache;
}
