import type { Device, Storage } from "./device.ts";

/** Elements of a cache line: where one slice of a flat buffer ends and the next begins, kernels read whole vectors. */
const LINE = 16;

/** Elements that a slice of so many takes in a flat buffer; what is beyond its own stays 0. */
export function paddedLength(length: number): number {
  return Math.ceil(length / LINE) * LINE;
}

/**
 * Values and gradients of many parameters, in one buffer each, of which each parameter is a slice: what an optimizer
 * steps over, a rank reduces, and ZeRO shards.
 */
export class FlatParameters {
  readonly values: Storage;
  /** Of the same layout; null for a model that only runs. */
  readonly gradients: Storage | null;
  readonly #device: Device;

  /** @param length the sum of the {@link paddedLength padded lengths} */
  constructor(device: Device, length: number, trainable: boolean) {
    this.#device = device;
    this.values = device.allocate("float32", length);
    this.gradients = trainable ? device.allocate("float32", length) : null;
  }

  release(): void {
    this.#device.release(this.values);
    if (this.gradients !== null) this.#device.release(this.gradients);
  }
}

/** Where a parameter lies in the flat buffers of its model. */
export interface FlatRange {
  readonly buffers: FlatParameters;
  /** First element. */
  readonly start: number;
  /** Padded: the next parameter begins at `start + length`. */
  readonly length: number;
}

/** One buffer cut into aligned slices: an optimizer's state. It is zeroed, and lives until it is released. */
export class FlatState {
  readonly whole: Storage;
  /** Of the lengths asked for, in their order. */
  readonly slices: readonly Storage[];
  /** Where each slice begins in the whole. */
  readonly starts: readonly number[];
  readonly #device: Device;

  constructor(device: Device, lengths: readonly number[]) {
    this.#device = device;
    let next = 0;
    this.starts = lengths.map((length) => {
      const start = next;
      next += paddedLength(length);
      return start;
    });
    this.whole = device.allocate("float32", next);
    this.slices = lengths.map((length, i) => this.whole.slice(this.starts[i] ?? 0, length));
  }

  release(): void {
    this.#device.release(this.whole);
  }
}
