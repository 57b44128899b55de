/** What devices hand out: runs of elements in their memory, and the arenas that place a step's tensors. */
import { NuwaError } from "../text/errors.ts";

/** `float32` is the logical type: the reference device keeps such values in float64. */
export type DType = "float32" | "int32";

/**
 * How a weight is kept for inference. `bfloat16` is the upper half of a float32, rounded to nearest, ties to even.
 * `int8` is ggml's Q8_0: each 32 neighbours of a row share a float16 scale, their largest magnitude / 127. Both exist
 * only as matrices from `Device.allocateMatrix`, and only `Device.linear` and `Device.embedding`
 * read them.
 */
export type WeightDType = "float32" | "bfloat16" | "int8";

/**
 * How products (matmul and the linear kernels) compute. `bfloat16` rounds both operands of every product to bfloat16
 * (8 bits of mantissa, to nearest, ties to even) and sums in float32; parameters, activations, gradients and everything
 * else stay float32, so nothing needs scaling. Processors with instructions for it run twice as fast.
 */
export type Precision = "float32" | "bfloat16";

/** Values on the host: float32 or int32, float64 on the reference device. */
export type HostArray = Float32Array | Float64Array | Int32Array;

/** A run of elements in a device's memory. Opaque above the device. */
export interface Storage {
  readonly dtype: DType | WeightDType;
  /** Elements, not bytes. */
  readonly length: number;
  /** Elements [start, start + length) of this storage, sharing its memory. Not of a bfloat16 or int8 matrix. */
  slice(start: number, length: number): Storage;
}

/** Memory of one training step or forward pass: allocated piece by piece, given back all at once. */
export interface Arena {
  /** Contents are undefined. */
  allocate(dtype: DType, length: number): Storage;
  /** Gives one allocation back before the reset, so that backward can reuse what forward no longer needs. */
  free(storage: Storage): void;
  /** Makes every storage of this arena invalid; keeps the memory for the next step. */
  reset(): void;
  /** Returns the memory to the system. */
  dispose(): void;
  /** Most bytes in use at one time since the arena was made. */
  readonly peakBytes: number;
  /** Bytes that the arena has taken from the system: at least `peakBytes`, more by what lies between allocations. */
  readonly reservedBytes: number;
}

/** The error of `release` for what is not an allocation of its own. */
export function notWhole(): NuwaError {
  return new NuwaError("SHAPE", "release: expected a whole storage of this device, got a part of one, or an arena's", {
    hint: "an arena's storages go with arena.free or arena.reset",
  });
}
