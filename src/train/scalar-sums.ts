import type { Device, Storage, Tensor } from "../tensor/index.ts";
import { NuwaError } from "../text/errors.ts";

interface Terms {
  storage: Storage;
  count: number;
}

/**
 * Named numbers of a step (its loss, what else is worth plotting), added up over the micro-batches on the device: the
 * terms are copied one beside another, and summed in float64, in order, when the step asks. Nothing is read.
 *
 * @example
 * sums.clear();
 * for (const batch of batches) sums.add("loss", lossOf(batch));
 * sums.write(out); // out[i] = the sum of names[i]
 */
export class ScalarSums {
  readonly #device: Device;
  readonly #terms = new Map<string, Terms>();

  constructor(device: Device) {
    this.#device = device;
  }

  /** Those with a term since {@link clear}, in the order in which each came first. */
  get names(): readonly string[] {
    return [...this.#terms].filter(([, { count }]) => count > 0).map(([name]) => name);
  }

  /** Forgets the terms, keeps the memory. */
  clear(): void {
    for (const terms of this.#terms.values()) terms.count = 0;
  }

  /** Notes a term; the tensor may go afterwards. @throws NuwaError SHAPE for more than one element */
  add(name: string, scalar: Tensor): void {
    if (scalar.length !== 1) {
      throw new NuwaError("SHAPE", `expected one element for "${name}", got shape (${scalar.shape.join(", ")})`);
    }
    const terms = this.#terms.get(name) ?? { storage: this.#device.allocate("float32", 1), count: 0 };
    this.#terms.set(name, terms);
    if (terms.count === terms.storage.length) {
      const larger = this.#device.allocate("float32", 2 * terms.count);
      this.#device.copy(larger.slice(0, terms.count), terms.storage);
      this.#device.release(terms.storage);
      terms.storage = larger;
    }
    this.#device.copy(terms.storage.slice(terms.count++, 1), scalar.storage);
  }

  /** @param out as many elements as there are {@link names} */
  write(out: Storage): void {
    for (const [index, name] of this.names.entries()) {
      const terms = this.#terms.get(name);
      if (terms !== undefined) this.#device.sum(out, index, terms.storage.slice(0, terms.count));
    }
  }

  release(): void {
    for (const { storage } of this.#terms.values()) this.#device.release(storage);
    this.#terms.clear();
  }
}
