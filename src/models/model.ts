import type { ParameterStore } from "../nn/index.ts";
import type { Device, WeightDType } from "../tensor/index.ts";
import type { CheckpointFormat } from "./checkpoint/layout.ts";
import type { GgufFormat } from "./gguf/layout.ts";

/** What every model's config says, whatever its family. Families add their own keys. */
export interface ModelConfig {
  readonly vocab_size: number;
  /** Longest text, in tokens. */
  readonly max_position_embeddings: number;
}

/** What a model gives: by its kind it is a `CausalModel`, a `MaskedModel`, … */
export type ModelKind = "causal" | "masked" | "sequence-to-sequence" | "scalar";

/** An architecture, and the tensors that it describes on a device. */
export interface Model {
  readonly kind: ModelKind;
  readonly architecture: Architecture;
  /** The architecture's. */
  readonly config: ModelConfig;
  readonly device: Device;
  readonly parameters: ParameterStore;
  /** Gives the memory back to the device. */
  release(): void;
}

/** How a model is made: its seed, and whether it is to be trained. */
export interface CreateOptions {
  /** Fresh weights come from it; the same seed gives the same weights on every device. Default 0. */
  readonly seed?: number | undefined;
  /** False for a model that only runs: no gradients are allocated. Default true. */
  readonly trainable?: boolean | undefined;
  /** False leaves all weights zero, for a checkpoint that is about to be read. Default true. */
  readonly initialize?: boolean | undefined;
  /** How matrices are kept; other than float32 only with `trainable: false`. Default float32. */
  readonly precision?: WeightDType | undefined;
}

/** Shares of what is dropped in training; what is left out stays as it is. */
export interface DropoutRates {
  /** Of embeddings and of what layers add to the residual stream. */
  readonly hidden?: number | undefined;
  /** Of attention's probabilities. */
  readonly attention?: number | undefined;
}

/** A family and a config that it has resolved: all that there is to know of a model but its weights. */
export interface Architecture {
  /** The family's name: `llama`. */
  readonly family: string;
  /** Nothing left out; plain data. */
  readonly config: ModelConfig;
  /** A model with fresh weights. See `createCausal`. */
  create(device: Device, options?: CreateOptions): Model;
  /** The same architecture with other dropout. @throws NuwaError VALUE for a family without any */
  withDropout(rates: DropoutRates): Architecture;
  /** How its checkpoints are written: the first when saving, any of them when reading. */
  readonly formats: readonly CheckpointFormat[];
  /** How llama.cpp names and orders it; empty where llama.cpp has no such model. */
  readonly ggufFormats: readonly GgufFormat[];
}

/**
 * What a model remembers of the texts that it reads, so that a new token costs one time step and not the whole text:
 * keys and values, or a recurrent state. Each model makes its own, and takes no other's.
 */
export interface GenerationCache {
  /** Texts, B. */
  readonly batch: number;
  /** Time steps that there is room for in each text. */
  readonly capacity: number;
  /** Time steps of each text in use. */
  readonly lengths: readonly number[];
  /** Text b alone: the same memory and length. Not to be released. */
  row(b: number): GenerationCache;
  /**
   * Goes back to the first `length` time steps of each text; where the past cannot be cut (a recurrent state), to none.
   *
   * @returns the time steps that are left
   * @throws NuwaError VALUE when there are fewer than `length`
   */
  truncate(length: number): number;
  /** Forgets everything. */
  reset(): void;
  /** Gives the memory back to the device. */
  release(): void;
}
