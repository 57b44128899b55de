import type { KvCache, ParameterStore } from "../nn/index.ts";
import type { Device, Tape, Tensor } from "../tensor/index.ts";

export interface LossOptions {
  /** Weight of each target, (B, T) float32: 0 leaves a token out (padding, a user's turn). Without it all count 1. */
  readonly weights?: Tensor;
  /** What Σ weight · nll is divided by: the number of targets that count, over all micro-batches of the step. */
  readonly normalizer: number;
}

/** What every model's config says, whatever its family. */
export interface LanguageModelConfig {
  readonly vocab_size: number;
  /** Longest text, in tokens. */
  readonly max_position_embeddings: number;
}

/**
 * A model that gives each token's probability from those before it. Training, generation and evaluation know models
 * by this interface only.
 */
export interface CausalLanguageModel {
  readonly config: LanguageModelConfig;
  readonly device: Device;
  readonly parameters: ParameterStore;
  /**
   * tokens int32 (B, T) -> (B, T, C), final norm applied. With a cache, the tokens continue what is in it, and are
   * added to it. @throws NuwaError VALUE when the text is longer than the model or the cache has room for.
   */
  hidden(tape: Tape, tokens: Tensor, cache?: KvCache): Tensor;
  /** hidden (N, C) -> (N, V), before softmax. */
  logits(tape: Tape, hidden: Tensor): Tensor;
  /** tokens, targets int32 (B, T), a negative target is left out -> loss (1), tokenLosses (B·T) in nats. */
  loss(
    tape: Tape,
    tokens: Tensor,
    targets: Tensor,
    options: LossOptions,
  ): { readonly loss: Tensor; readonly tokenLosses: Tensor };
  /** Room for `capacity` tokens of B texts; the caller releases it. */
  createCache(B: number, capacity: number): KvCache;
  /** Gives the memory back to the device. */
  release(): void;
}
