import { isDeepStrictEqual } from "node:util";
import type { Document } from "./document.ts";
import { PythonRandom } from "./python-random.ts";

/** `random`: Python's Random(1234), drawn for one item after another, as the harness does. `first_n`: the first k. */
export const samplers = ["random", "first_n"] as const;
export type Sampler = (typeof samplers)[number];

export interface FewShotOptions {
  readonly sampler: Sampler;
  /** The examples come from where the items do: draws one more, and leaves the item itself out. */
  readonly excludeItem: boolean;
  readonly count: number;
  readonly seed: number;
}

/** Draws the examples before an item. Items must be asked for in their order, since all share one generator. */
export class FewShotSampler {
  readonly #pool: readonly Document[];
  readonly #options: FewShotOptions;
  readonly #random: PythonRandom;

  constructor(pool: readonly Document[], options: FewShotOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#random = new PythonRandom(options.seed);
  }

  /** At most `count` documents: fewer only where the pool has no more. */
  sample(item: Document): readonly Document[] {
    const { count, excludeItem, sampler } = this.#options;
    if (count === 0) return [];
    const other = (document: Document) => !isDeepStrictEqual(document.fields, item.fields);
    if (sampler === "first_n") {
      return (excludeItem ? this.#pool.filter(other) : this.#pool).slice(0, count);
    }
    const draw = (pool: readonly Document[], k: number) => this.#random.sample(pool, Math.min(k, pool.length));
    if (!excludeItem) return draw(this.#pool, count);
    const drawn = draw(this.#pool, count + 1)
      .filter(other)
      .slice(0, count);
    // Only a pool with copies of the item comes short: drawn again from the others.
    return drawn.length === count ? drawn : draw(this.#pool.filter(other), count);
  }
}
