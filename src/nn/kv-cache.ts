import { type Device, Tensor } from "../tensor/index.ts";
import { NuwaError } from "../text/index.ts";

/** Keys and values of one attention layer's past, each (B, capacity, K, D). */
export interface LayerCache {
  readonly keys: Tensor;
  readonly values: Tensor;
}

export interface KvCacheOptions {
  readonly batch: number;
  /** Time steps that there is room for. */
  readonly capacity: number;
  readonly layers: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
}

/**
 * What generation remembers, so that a new token costs one time step and not the whole text: the keys and values of
 * every layer. `length` time steps are in use; a model's `hidden` appends to it.
 *
 * @example
 * const cache = model.createCache(1, 256);
 * model.hidden(tape, prompt, cache); // cache.length is now the prompt's
 * cache.truncate(10); // go on from the tenth token
 */
export class KvCache {
  readonly batch: number;
  readonly capacity: number;
  readonly layers: readonly LayerCache[];
  #length = 0;

  constructor(device: Device, options: KvCacheOptions) {
    const { batch, capacity, keyValueHeads, headSize } = options;
    this.batch = batch;
    this.capacity = capacity;
    const shape = [batch, capacity, keyValueHeads, headSize];
    const elements = batch * capacity * keyValueHeads * headSize;
    this.layers = Array.from({ length: options.layers }, () => ({
      keys: new Tensor(device, device.allocate("float32", elements), shape),
      values: new Tensor(device, device.allocate("float32", elements), shape),
    }));
  }

  /** Time steps in use. */
  get length(): number {
    return this.#length;
  }

  /** Counts `steps` more as in use. @throws NuwaError VALUE when there is no room. */
  advance(steps: number): void {
    this.requireRoom(steps);
    this.#length += steps;
  }

  /** @throws NuwaError VALUE when `steps` more do not fit. */
  requireRoom(steps: number): void {
    if (this.#length + steps <= this.capacity) return;
    throw new NuwaError(
      "VALUE",
      `expected at most ${this.capacity} tokens in the cache, got ${this.#length} + ${steps}`,
      { hint: "use a shorter prompt, fewer new tokens, or a larger capacity" },
    );
  }

  /** Forgets everything. */
  reset(): void {
    this.#length = 0;
  }

  /** Keeps the first `length` time steps. @throws NuwaError VALUE when there are fewer. */
  truncate(length: number): void {
    if (!Number.isInteger(length) || length < 0 || length > this.#length) {
      throw new NuwaError("VALUE", `expected a length from 0 to ${this.#length} to keep of the cache, got ${length}`);
    }
    this.#length = length;
  }

  /** Gives the memory back to the device. */
  release(): void {
    for (const { keys, values } of this.layers) {
      keys.device.release(keys.storage);
      values.device.release(values.storage);
    }
  }
}
