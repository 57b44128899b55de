import type { Arena, DType, Storage, WeightDType } from "../device.ts";
import { OffsetAllocator, type Placement } from "../arena.ts";

/** Elements in a plain typed array: float64 for the logical float32. */
export class ReferenceStorage implements Storage {
  readonly dtype: DType | WeightDType;
  readonly values: Float64Array | Int32Array;
  /** Whether it is an allocation, not a part of one or an arena's. */
  readonly isWhole: boolean;

  constructor(dtype: DType | WeightDType, values: Float64Array | Int32Array, isWhole = false) {
    this.dtype = dtype;
    this.values = values;
    this.isWhole = isWhole;
  }

  get length(): number {
    return this.values.length;
  }

  slice(start: number, length: number): ReferenceStorage {
    if (start < 0 || start + length > this.length) {
      throw new RangeError(`storage: slice ${start}..${start + length} of ${this.length} elements`);
    }
    return new ReferenceStorage(this.dtype, this.values.subarray(start, start + length));
  }
}

/** A matrix whose values are rounded to a dtype of fewer bits when they are written. */
export class ReferenceMatrix extends ReferenceStorage {
  readonly weightDType: WeightDType;
  readonly width: number;

  constructor(dtype: WeightDType, rows: number, width: number) {
    super(dtype, new Float64Array(rows * width), true);
    this.weightDType = dtype;
    this.width = width;
  }
}

export function allocateReference(dtype: DType, length: number, isWhole: boolean): ReferenceStorage {
  return new ReferenceStorage(dtype, dtype === "int32" ? new Int32Array(length) : new Float64Array(length), isWhole);
}

/** The values of a float storage. */
export function floats(storage: Storage): Float64Array {
  if (storage instanceof ReferenceStorage && storage.values instanceof Float64Array) return storage.values;
  throw new TypeError(`reference device: expected its own float32 storage, got ${storage.dtype}`);
}

/** The values of an int32 storage. */
export function integers(storage: Storage): Int32Array {
  if (storage instanceof ReferenceStorage && storage.values instanceof Int32Array) return storage.values;
  throw new TypeError(`reference device: expected its own int32 storage, got ${storage.dtype}`);
}

/** Element i, which the op above has made sure is there. */
export function at(values: ArrayLike<number>, i: number): number {
  return values[i] ?? Number.NaN;
}

/**
 * Every allocation is a new array; the allocator only keeps account, in float64's bytes. Memory that is new or given
 * back is filled with NaN, so that a kernel that reads what it should not shows in the result.
 */
export class ReferenceArena implements Arena {
  readonly #account = new OffsetAllocator();
  readonly #placements = new Map<Storage, Placement>();

  allocate(dtype: DType, length: number): Storage {
    const storage = allocateReference(dtype, length, false);
    poison(storage);
    this.#placements.set(storage, this.#account.allocate(storage.values.byteLength));
    return storage;
  }

  free(storage: Storage): void {
    const placement = this.#placements.get(storage);
    if (placement === undefined) throw new Error("arena: freed what is not allocated (freed twice?)");
    this.#placements.delete(storage);
    this.#account.free(placement);
    poison(storage);
  }

  reset(): void {
    for (const storage of this.#placements.keys()) poison(storage);
    this.#placements.clear();
    this.#account.reset();
  }

  dispose(): void {
    this.reset();
  }

  get peakBytes(): number {
    return this.#account.peakBytes;
  }

  get reservedBytes(): number {
    return this.#account.reservedBytes;
  }
}

function poison(storage: Storage): void {
  if (storage.dtype === "int32") integers(storage).fill(-(2 ** 31));
  else floats(storage).fill(Number.NaN);
}
