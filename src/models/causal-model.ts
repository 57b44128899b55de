import type { Device, Tape, Tensor } from "../tensor/index.ts";
import { NuwaError } from "../text/index.ts";
import type { Architecture, CreateOptions, GenerationCache, Model } from "./model.ts";

/** What a model reads beside the tokens. */
export interface ReadOptions {
  /** The tokens continue what is in it, and are added to it. Without a cache, they are whole texts. */
  readonly cache?: GenerationCache | undefined;
  /**
   * int32 (B, T): of several texts packed into one row each sees itself only. A negative segment is padding, which
   * neither sees nor is seen. Not together with a cache.
   */
  readonly segments?: Tensor | undefined;
  /**
   * int32 (B, T): each token's position in its text. Default: counted through the row, after what the cache holds; texts
   * packed into one row need their own, see {@link packedPositions}. Not together with a cache.
   */
  readonly positions?: Tensor | undefined;
}

/** Texts and what is to be predicted from them, on the device; each (B, T). */
export interface TokenBatch extends Pick<ReadOptions, "segments" | "positions"> {
  /** int32 */
  readonly tokens: Tensor;
  /** int32: the token to predict at each time step; a negative one is left out. */
  readonly targets: Tensor;
  /** float32, of each target: 0 leaves a token out (padding, a user's turn). Default: all count 1. */
  readonly weights?: Tensor | undefined;
}

/** What a model's loss is divided by, and what is added to it. */
export interface LossOptions {
  /** What Σ weight · nll is divided by: the number of targets that count, over all micro-batches of the step. */
  readonly normalizer: number;
  /** ε of Szegedy et al. 2016: the target's probability is 1 − ε + ε/V, each other's ε/V. Default 0. */
  readonly labelSmoothing?: number;
  /** Each token's loss gains this times log(Σ exp)² (Chowdhery et al. 2022, PaLM). Default 0. */
  readonly zLoss?: number;
}

/** What a model's loss gives. */
export interface LossResult {
  /** (1): Σ tokenLosses / normalizer */
  readonly loss: Tensor;
  /** (B·T): each target's −log probability times its weight, in nats; 0 for one that is left out. No gradient. */
  readonly tokenLosses: Tensor;
}

/**
 * A model that gives each token's probability from those before it. Training, generation and evaluation know models
 * by this interface only.
 *
 * @example
 * const { loss } = model.loss(tape, { tokens, targets }, { normalizer: B * T });
 * tape.backward(loss);
 */
export interface CausalModel extends Model {
  readonly kind: "causal";
  /**
   * tokens int32 (B, T) -> (B, T, C), final norm applied.
   * @throws NuwaError VALUE when a text is longer than the model or the cache has room for
   */
  hidden(tape: Tape, tokens: Tensor, options?: ReadOptions): Tensor;
  /** hidden (…, C) -> (…, V), before softmax. */
  logits(tape: Tape, hidden: Tensor): Tensor;
  /** (V, C): what `logits` multiplies by, for an objective that fuses it with its loss (`linearCrossEntropy`). */
  readonly head: Tensor;
  /** Mean cross-entropy of the targets. @throws NuwaError VALUE as `hidden` does */
  loss(tape: Tape, batch: TokenBatch, options: LossOptions): LossResult;
  /** (B·T): each target's log probability, in nats, with a gradient; 0 for one that is left out. Weights have no part. */
  logProbabilities(tape: Tape, batch: TokenBatch): Tensor;
  /** Room for `capacity` tokens of B texts; the caller releases it. */
  createCache(B: number, capacity: number): GenerationCache;
}

/**
 * A causal model with fresh weights.
 *
 * @throws NuwaError VALUE for an architecture whose models are of another kind
 * @example createCausal(resolveArchitecture({ family: "llama", vocab_size: 512 }), device, { seed: 1 });
 */
export function createCausal(architecture: Architecture, device: Device, options: CreateOptions = {}): CausalModel {
  return requireCausal(architecture.create(device, options));
}

/** Whether a model gives each token's probability from those before it. */
export function isCausal(model: Model): model is CausalModel {
  return model.kind === "causal";
}

/** @throws NuwaError VALUE, after releasing it, for a model of another kind */
export function requireCausal(model: Model): CausalModel {
  if (isCausal(model)) return model;
  model.release();
  throw new NuwaError("VALUE", `expected a causal model, got a ${model.kind} one (${model.architecture.family})`);
}

/** A causal body with a head of one: a number at each time step, as a reward of the text so far or its value. */
export interface ScalarModel extends Model {
  readonly kind: "scalar";
  /** As of a {@link CausalModel}. */
  hidden(tape: Tape, tokens: Tensor, options?: ReadOptions): Tensor;
  /** hidden (…, C) -> (…) */
  scalars(tape: Tape, hidden: Tensor): Tensor;
}

/**
 * Positions that count from each segment's own start, for texts packed into rows; padding (a negative segment) is at 0.
 *
 * @param segments (B, T)
 * @returns (B, T)
 * @example packedPositions(Int32Array.of(0, 0, 0, 1, 1, -1), 6); // 0 1 2 0 1 0
 */
export function packedPositions(segments: Int32Array, T: number): Int32Array {
  const positions = new Int32Array(segments.length);
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i] ?? -1;
    const continues = i % T !== 0 && segment >= 0 && segment === segments[i - 1];
    if (continues) positions[i] = (positions[i - 1] ?? 0) + 1;
  }
  return positions;
}
