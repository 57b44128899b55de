/** Where one allocation lies: byte `offset` of memory block `block`. */
export interface Placement {
  readonly block: number;
  readonly offset: number;
  /** As asked for, rounded up to the alignment. */
  readonly bytes: number;
}

interface Range {
  offset: number;
  bytes: number;
}

/** Every placement starts on a cache line, which is also the width of an AVX-512 register. */
export const ALIGNMENT = 64;
const DEFAULT_BLOCK_BYTES = 16 * 2 ** 20;

export interface OffsetAllocatorOptions {
  /** Smallest block to take at a time; default 16 MiB. A larger request gets a block of its own size. */
  readonly blockBytes?: number;
  /** Called when a block is added, before anything is placed in it: take `bytes` of real memory for `block`. */
  readonly onGrow?: (block: number, bytes: number) => void;
}

/**
 * Decides where allocations lie, without touching memory: first fit in address order, neighbours that are free
 * become one again. The same calls give the same placements, so the meta device, which has no memory, predicts
 * exactly what the cpu device takes.
 *
 * @example
 * const allocator = new OffsetAllocator();
 * const a = allocator.allocate(100); // { block: 0, offset: 0, bytes: 128 }
 * allocator.free(a);
 */
export class OffsetAllocator {
  readonly #blockBytes: number;
  readonly #onGrow: ((block: number, bytes: number) => void) | undefined;
  readonly #blocks: number[] = [];
  /** Free ranges of each block, by offset. */
  #free: Range[][] = [];
  #live = new Set<Placement>();
  #usedBytes = 0;
  #peakBytes = 0;

  constructor(options: OffsetAllocatorOptions = {}) {
    this.#blockBytes = roundUp(options.blockBytes ?? DEFAULT_BLOCK_BYTES);
    this.#onGrow = options.onGrow;
  }

  /** Sizes of the blocks taken so far, in bytes. */
  get blocks(): readonly number[] {
    return this.#blocks;
  }

  /** Bytes in use now, each allocation rounded up to {@link ALIGNMENT}. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Most bytes in use at one time. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  /** Bytes of all blocks: what the system gives. */
  get reservedBytes(): number {
    return this.#blocks.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Places `bytes`; an allocation of nothing still gets a place of its own. */
  allocate(bytes: number): Placement {
    const size = Math.max(ALIGNMENT, roundUp(bytes));
    const placement = this.#place(size) ?? this.#grow(size);
    this.#live.add(placement);
    this.#usedBytes += size;
    this.#peakBytes = Math.max(this.#peakBytes, this.#usedBytes);
    return placement;
  }

  /** Gives a placement back. @throws Error when it is not in use: a fault in the caller, not in the data. */
  free(placement: Placement): void {
    if (!this.#live.delete(placement)) throw new Error("arena: freed what is not allocated (freed twice?)");
    this.#usedBytes -= placement.bytes;
    const ranges = this.#free[placement.block] ?? [];
    let at = ranges.findIndex((range) => range.offset > placement.offset);
    if (at === -1) at = ranges.length;
    ranges.splice(at, 0, { offset: placement.offset, bytes: placement.bytes });
    join(ranges, at);
    if (at > 0) join(ranges, at - 1);
  }

  /** Gives everything back; the blocks stay. */
  reset(): void {
    this.#live = new Set();
    this.#usedBytes = 0;
    this.#free = this.#blocks.map((bytes) => [{ offset: 0, bytes }]);
  }

  #place(size: number): Placement | undefined {
    for (const [block, ranges] of this.#free.entries()) {
      for (const [index, range] of ranges.entries()) {
        if (range.bytes < size) continue;
        const placement = { block, offset: range.offset, bytes: size };
        range.offset += size;
        range.bytes -= size;
        if (range.bytes === 0) ranges.splice(index, 1);
        return placement;
      }
    }
    return undefined;
  }

  #grow(size: number): Placement {
    const block = this.#blocks.length;
    const bytes = Math.max(size, this.#blockBytes);
    this.#onGrow?.(block, bytes);
    this.#blocks.push(bytes);
    this.#free.push(bytes === size ? [] : [{ offset: size, bytes: bytes - size }]);
    return { block, offset: 0, bytes: size };
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Makes the range at `index` and the next one into one if they touch. */
function join(ranges: Range[], index: number): void {
  const range = ranges[index];
  const next = ranges[index + 1];
  if (range === undefined || next === undefined || range.offset + range.bytes !== next.offset) return;
  range.bytes += next.bytes;
  ranges.splice(index + 1, 1);
}
