import type { Activation, Device, DType, Storage, WeightDType } from "../device.ts";
import { PhiloxStream } from "../philox.ts";

/** One kernel call on one set of sizes, the same on every device. */
export interface ParityCase {
  readonly kernel: string;
  /** Sizes and options. */
  readonly label: string;
  /**
   * Largest |difference| / (|reference| + root mean square of the reference's output). The default suits float32
   * sums of up to a few thousand terms; 0 asks for the same values.
   */
  readonly tolerance: number;
  /** Differences up to this are none: for results that cancel, below what float32 keeps of their terms. Default 0. */
  readonly floor?: number;
  readonly run: (trial: Trial) => void;
}

const POOL = 1 << 16;
let pool: Float64Array | undefined;

/** The same normal values for every trial: drawing millions anew would take most of the test's time. */
function normalPool(): Float64Array {
  if (pool === undefined) {
    const random = new PhiloxStream(0, [0x706f6f6c, 0, 0]);
    pool = Float64Array.from({ length: POOL }, () => random.normal());
  }
  return pool;
}

/** Makes a case's inputs and outputs on one device. All values are float32 numbers, so every device gets the same. */
export class Trial {
  readonly device: Device;
  readonly results = new Map<string, Storage>();
  readonly #random: PhiloxStream;
  readonly #storages: Storage[] = [];

  constructor(device: Device, seed: number) {
    this.device = device;
    this.#random = new PhiloxStream(seed, [0x70617269, 0, 0]);
  }

  /** Standard normal values. */
  normal(length: number, scale = 1): Storage {
    const values = normalPool();
    let next = this.#random.below(POOL);
    return this.values(Float64Array.from({ length }, () => (values[next++ % POOL] ?? 0) * scale));
  }

  /** A matrix of normal values, rounded to its dtype. */
  matrix(dtype: WeightDType, rows: number, width: number): Storage {
    const storage = this.device.allocateMatrix(dtype, rows, width);
    this.#storages.push(storage);
    const values = normalPool();
    let next = this.#random.below(POOL);
    this.device.write(
      storage,
      Float32Array.from({ length: rows * width }, () => values[next++ % POOL] ?? 0),
    );
    return storage;
  }

  /** Values above 0. */
  positive(length: number): Storage {
    const values = normalPool();
    let next = this.#random.below(POOL);
    return this.values(Float64Array.from({ length }, () => Math.abs(values[next++ % POOL] ?? 0) + 0.1));
  }

  /** Whole numbers in [from, to). */
  integers(length: number, from: number, to: number): Storage {
    const draw = () => from + this.#random.below(to - from);
    return this.values(Array.from({ length }, draw), "int32");
  }

  values(data: ArrayLike<number>, dtype: DType = "float32"): Storage {
    const storage = this.device.allocate(dtype, data.length);
    this.device.write(storage, dtype === "float32" ? Float32Array.from(data) : data);
    this.#storages.push(storage);
    return storage;
  }

  /** An output that the kernel must write in full: it starts as NaN. */
  written(name: string, length: number, dtype: DType = "float32"): Storage {
    return this.result(name, this.values(Array(length).fill(dtype === "int32" ? -7 : Number.NaN), dtype));
  }

  /** An output that the kernel adds to, or that it must write in full. */
  output(name: string, length: number, accumulate: boolean): Storage {
    return accumulate ? this.result(name, this.normal(length)) : this.written(name, length);
  }

  /** Names a storage whose values are to be compared. */
  result(name: string, storage: Storage): Storage {
    this.results.set(name, storage);
    return storage;
  }

  release(): void {
    for (const storage of this.#storages) this.device.release(storage);
  }
}

export const ELEMENTWISE = 4e-6;
export const SUMS = 1e-5;
/**
 * The floor of losses and probabilities: a target of nearly all the probability has a loss of 1e-13 or so, which hangs
 * on how each logit was rounded. Float32 has an epsilon of 1.2e-7; a tenth of it is far below what a mean loss shows.
 */
export const CANCELLED = 1e-8;
/** Around the widths of vectors, the sizes of tiles, and more than one thread's share. */
export const LENGTHS = [1, 7, 16, 33, 1000, 70_001];
export const KINDS: readonly Activation[] = ["gelu", "gelu_tanh", "silu", "relu", "relu2"];
