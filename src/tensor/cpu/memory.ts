import { totalmem } from "node:os";
import { NuwaError } from "../../text/errors.ts";
import { OffsetAllocator, type Placement } from "../arena.ts";
import type { Arena, DType, Storage, WeightDType } from "../device.ts";
import type { NativeAddon, NativeMemory } from "./native.ts";

/** Bytes of an element of what kernels compute with: float32 and int32. */
export const BYTES = 4;

/** One native allocation. Its address is NaN once it is released, which every kernel refuses. */
export class Memory {
  readonly bytes: number;
  #native: NativeMemory | undefined;

  constructor(native: NativeMemory, bytes: number) {
    this.#native = native;
    this.bytes = bytes;
  }

  get address(): number {
    return this.#native?.address ?? Number.NaN;
  }

  /** @throws NuwaError DEVICE after the release */
  get buffer(): ArrayBuffer {
    if (this.#native === undefined) throw new NuwaError("DEVICE", "cpu: this memory has been released");
    return this.#native.buffer;
  }

  release(addon: NativeAddon): void {
    if (this.#native === undefined) return;
    const { buffer, block } = this.#native;
    this.#native = undefined;
    addon.release(buffer, block);
  }
}

/** Elements of a {@link Memory}. */
export class CpuStorage implements Storage {
  readonly dtype: DType | WeightDType;
  readonly length: number;
  readonly memory: Memory;
  readonly byteOffset: number;
  /** Where an arena put it, "whole" for an allocation of its own, undefined for a part of either. */
  readonly placement: Placement | "whole" | undefined;

  constructor(
    dtype: DType | WeightDType,
    length: number,
    memory: Memory,
    byteOffset: number,
    placement?: Placement | "whole",
  ) {
    this.dtype = dtype;
    this.length = length;
    this.memory = memory;
    this.byteOffset = byteOffset;
    this.placement = placement;
  }

  get address(): number {
    return this.memory.address + this.byteOffset;
  }

  /** The elements, without a copy. */
  view(): Float32Array | Int32Array {
    const View = this.dtype === "float32" ? Float32Array : Int32Array;
    return new View(this.memory.buffer, this.byteOffset, this.length);
  }

  slice(start: number, length: number): CpuStorage {
    if (!(start >= 0 && length >= 0 && start + length <= this.length)) {
      throw new NuwaError("SHAPE", `slice [${start}, ${start + length}) of a storage of ${this.length} elements`);
    }
    return new CpuStorage(this.dtype, length, this.memory, this.byteOffset + start * BYTES);
  }
}

/** A whole matrix of bfloat16 or int8, laid out as native/cpu/kernels/weights.h says. */
export class CpuMatrix extends CpuStorage {
  readonly rows: number;
  readonly width: number;

  constructor(dtype: WeightDType, rows: number, width: number, memory: Memory) {
    super(dtype, rows * width, memory, 0, "whole");
    this.rows = rows;
    this.width = width;
  }

  override view(): never {
    throw new NuwaError("SHAPE", `a ${this.dtype} matrix has no view as float32 or int32`);
  }

  override slice(start: number, length: number): never {
    throw new NuwaError("SHAPE", `slice [${start}, ${start + length}) of a ${this.dtype} matrix`);
  }
}

/** What the machine, or the container, has; a margin stays for the rest of the process. */
function memoryLimit(): number {
  const constrained = process.constrainedMemory();
  const whole = constrained > 0 ? Math.min(totalmem(), constrained) : totalmem();
  return Math.max(whole / 2, whole - 512 * 2 ** 20);
}

const gib = (bytes: number): string => (bytes / 2 ** 30).toFixed(bytes < 2 ** 30 ? 3 : 1);

/** All native memory of one device. */
export class MemoryPool {
  readonly #addon: NativeAddon;
  readonly #live = new Set<Memory>();
  readonly #limit = memoryLimit();
  #bytes = 0;

  constructor(addon: NativeAddon) {
    this.#addon = addon;
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws NuwaError MEMORY when the machine has not that much, before the system starts to swap or kill */
  take(bytes: number, zeroed: boolean): Memory {
    const native = this.#bytes + bytes <= this.#limit ? this.#addon.allocate(bytes, zeroed) : null;
    if (native === null) {
      const message = `asked for ${gib(bytes)} GiB more with ${gib(this.#bytes)} GiB in use; ${gib(this.#limit)} GiB can be had`;
      throw new NuwaError("MEMORY", message, { hint: "use a smaller batch, context or model" });
    }
    const memory = new Memory(native, bytes);
    this.#live.add(memory);
    this.#bytes += bytes;
    return memory;
  }

  give(memory: Memory): void {
    if (!this.#live.delete(memory)) return;
    this.#bytes -= memory.bytes;
    memory.release(this.#addon);
  }

  dispose(): void {
    for (const memory of this.#live) this.give(memory);
  }
}

/** Places a step's storages in a few large blocks that stay until {@link dispose}. */
export class CpuArena implements Arena {
  readonly #pool: MemoryPool;
  #blocks: Memory[] = [];
  #allocator: OffsetAllocator;
  #earlierPeak = 0;

  constructor(pool: MemoryPool) {
    this.#pool = pool;
    this.#allocator = this.#createAllocator();
  }

  allocate(dtype: DType, length: number): CpuStorage {
    const placement = this.#allocator.allocate(length * BYTES);
    const memory = this.#blocks[placement.block];
    if (memory === undefined) throw new NuwaError("MEMORY", "arena: no such block");
    return new CpuStorage(dtype, length, memory, placement.offset, placement);
  }

  free(storage: Storage): void {
    if (!(storage instanceof CpuStorage) || typeof storage.placement !== "object") {
      throw new NuwaError("SHAPE", "arena: expected a storage of this arena, got a part of one, or memory of its own");
    }
    this.#allocator.free(storage.placement);
  }

  reset(): void {
    this.#allocator.reset();
  }

  dispose(): void {
    for (const memory of this.#blocks) this.#pool.give(memory);
    this.#blocks = [];
    this.#earlierPeak = this.peakBytes;
    this.#allocator = this.#createAllocator();
  }

  get reservedBytes(): number {
    return this.#allocator.reservedBytes;
  }

  get peakBytes(): number {
    return Math.max(this.#earlierPeak, this.#allocator.peakBytes);
  }

  #createAllocator(): OffsetAllocator {
    return new OffsetAllocator({
      onGrow: (block, bytes) => {
        this.#blocks[block] = this.#pool.take(bytes, false);
      },
    });
  }
}

/** Where a storage starts, for a kernel. @throws NuwaError SHAPE for a storage of another device */
export function at(storage: Storage): number {
  if (storage instanceof CpuStorage) return storage.address;
  throw new NuwaError("SHAPE", "cpu: expected a storage of the cpu device, got one of another device");
}

/** {@link at}, or 0 for none. */
export function atOptional(storage: Storage | null): number {
  return storage === null ? 0 : at(storage);
}

/** {@link at}, for a weight that is read as (rows, width): one of fewer bits was laid out for its own shape. */
export function atMatrix(storage: Storage, rows: number, width: number): number {
  if (storage instanceof CpuMatrix && (storage.rows !== rows || storage.width !== width)) {
    const shape = `(${storage.rows}, ${storage.width})`;
    throw new NuwaError("SHAPE", `cpu: expected a ${storage.dtype} matrix (${rows}, ${width}), got ${shape}`);
  }
  return at(storage);
}
