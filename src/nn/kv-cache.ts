import { type Device, Tensor } from "../tensor/index.ts";
import { NuwaError } from "../text/index.ts";

/** Keys and values of one attention layer's past, each (B, capacity, K, D). */
export interface LayerCache {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** Sizes of a cache of keys and values. */
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
 * every layer. A model's `hidden` appends to it. Each of the B texts has its own length: a prompt is read through
 * {@link row}, one text at a time; then single time steps of all texts together.
 *
 * @example
 * const cache = model.createCache(2, 256);
 * model.hidden(tape, prompt0, { cache: cache.row(0) }); // (1, 7)
 * model.hidden(tape, prompt1, { cache: cache.row(1) }); // (1, 3)
 * model.hidden(tape, next, { cache }); // (2, 1): cache.lengths is now [8, 4]
 * cache.row(0).truncate(5); // go on from the fifth token
 */
export class KvCache {
  readonly batch: number;
  readonly capacity: number;
  readonly layers: readonly LayerCache[];
  readonly #lengths: Int32Array;
  readonly #positions: Tensor;

  private constructor(sizes: Pick<KvCache, "batch" | "capacity" | "layers">, lengths: Int32Array, positions: Tensor) {
    this.batch = sizes.batch;
    this.capacity = sizes.capacity;
    this.layers = sizes.layers;
    this.#lengths = lengths;
    this.#positions = positions;
  }

  /** Takes the memory; {@link release} gives it back. */
  static create(device: Device, options: KvCacheOptions): KvCache {
    const { batch, capacity, keyValueHeads, headSize } = options;
    const shape = [batch, capacity, keyValueHeads, headSize];
    const elements = batch * capacity * keyValueHeads * headSize;
    const layers = Array.from({ length: options.layers }, () => ({
      keys: new Tensor(device, device.allocate("float32", elements), shape),
      values: new Tensor(device, device.allocate("float32", elements), shape),
    }));
    const positions = new Tensor(device, device.allocate("int32", batch), [batch]);
    return new KvCache({ batch, capacity, layers }, new Int32Array(batch), positions);
  }

  /** Text b alone: the same memory and length. */
  row(b: number): KvCache {
    const { capacity } = this;
    const one = ({ device, storage, shape }: Tensor): Tensor => {
      const size = storage.length / this.batch;
      return new Tensor(device, storage.slice(b * size, size), [1, ...shape.slice(1)]);
    };
    const layers = this.layers.map(({ keys, values }) => ({ keys: one(keys), values: one(values) }));
    return new KvCache({ batch: 1, capacity, layers }, this.#lengths.subarray(b, b + 1), one(this.#positions));
  }

  /** @throws NuwaError SHAPE for a layer that the cache was not made for */
  layer(index: number): LayerCache {
    const layer = this.layers[index];
    if (layer === undefined)
      throw new NuwaError("SHAPE", `the cache has ${this.layers.length} layers, not ${index + 1}`);
    return layer;
  }

  /** Time steps of each text in use. */
  get lengths(): readonly number[] {
    return [...this.#lengths];
  }

  /** {@link lengths} on the device, (B) int32. */
  get positions(): Tensor {
    return this.#positions;
  }

  /** Time steps in use. @throws NuwaError SHAPE when the texts differ */
  get length(): number {
    const [first = 0] = this.#lengths;
    if (this.#lengths.every((length) => length === first)) return first;
    throw new NuwaError("SHAPE", "the cached texts differ in length", { hint: "read prompts through row(b)" });
  }

  /** Counts `steps` more as in use. @throws NuwaError VALUE when there is no room. */
  advance(steps: number): void {
    this.requireRoom(steps);
    this.#move((length) => length + steps);
  }

  /** @throws NuwaError VALUE when `steps` more do not fit. */
  requireRoom(steps: number): void {
    const longest = this.#lengths.reduce((most, length) => Math.max(most, length), 0);
    if (longest + steps <= this.capacity) return;
    throw new NuwaError("VALUE", `expected at most ${this.capacity} tokens in the cache, got ${longest} + ${steps}`, {
      hint: "use a shorter prompt, fewer new tokens, or a larger capacity",
    });
  }

  /** Forgets everything. */
  reset(): void {
    this.#move(() => 0);
  }

  /** Keeps the first `length` time steps of each text. @returns length @throws NuwaError VALUE when there are fewer. */
  truncate(length: number): number {
    if (!Number.isInteger(length) || length < 0 || this.#lengths.some((used) => length > used)) {
      throw new NuwaError(
        "VALUE",
        `expected a length from 0 to ${Math.min(...this.#lengths)} to keep of the cache, got ${length}`,
      );
    }
    this.#move(() => length);
    return length;
  }

  #move(to: (length: number) => number): void {
    this.#lengths.forEach((length, b) => (this.#lengths[b] = to(length)));
    this.#positions.device.write(this.#positions.storage, this.#lengths);
  }

  /** Gives the memory back to the device. Not for a {@link row}. */
  release(): void {
    for (const { keys, values } of this.layers) {
      keys.device.release(keys.storage);
      values.device.release(values.storage);
    }
    this.#positions.device.release(this.#positions.storage);
  }
}
