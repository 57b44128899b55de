import type { ParameterStore } from "../nn/index.ts";
import type { Device } from "../tensor/index.ts";

/** What every model's config says, whatever its family. Families add their own keys. */
export interface ModelConfig {
  readonly vocab_size: number;
  /** Longest text, in tokens. */
  readonly max_position_embeddings: number;
}

/** A config, and the tensors that it describes on a device. */
export interface Model {
  readonly config: ModelConfig;
  readonly device: Device;
  readonly parameters: ParameterStore;
  /** Gives the memory back to the device. */
  release(): void;
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
