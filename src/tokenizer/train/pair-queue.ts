/**
 * Pairs by count: the highest first, then the smaller left id, then the smaller right id, which is the order of
 * Hugging Face's trainer. A binary heap. Counts change while a pair waits, so an entry may be out of date: the caller
 * compares the count it was queued with to the true one, and queues it again where they differ.
 */
export class PairQueue {
  readonly #symbols: { readonly left: Int32Array; readonly right: Int32Array };
  #pairs = new Int32Array(1 << 12);
  #counts = new Float64Array(1 << 12);
  #size = 0;
  /** The count that the last popped pair was queued with. */
  count = 0;

  /** @param symbols ids by pair index; the arrays may be replaced by longer ones */
  constructor(symbols: { readonly left: Int32Array; readonly right: Int32Array }) {
    this.#symbols = symbols;
  }

  #before(pairA: number, countA: number, pairB: number, countB: number): boolean {
    if (countA !== countB) return countA > countB;
    const { left, right } = this.#symbols;
    const leftA = left[pairA] ?? 0;
    const leftB = left[pairB] ?? 0;
    return leftA !== leftB ? leftA < leftB : (right[pairA] ?? 0) < (right[pairB] ?? 0);
  }

  push(pair: number, count: number): void {
    if (this.#size === this.#pairs.length) {
      const pairs = new Int32Array(this.#size * 2);
      pairs.set(this.#pairs);
      this.#pairs = pairs;
      const counts = new Float64Array(this.#size * 2);
      counts.set(this.#counts);
      this.#counts = counts;
    }
    let index = this.#size++;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = this.#pairs[parent] ?? 0;
      const aboveCount = this.#counts[parent] ?? 0;
      if (!this.#before(pair, count, above, aboveCount)) break;
      this.#pairs[index] = above;
      this.#counts[index] = aboveCount;
      index = parent;
    }
    this.#pairs[index] = pair;
    this.#counts[index] = count;
  }

  /** Takes the first pair out, or -1 when there is none. */
  pop(): number {
    if (this.#size === 0) return -1;
    const top = this.#pairs[0] ?? 0;
    this.count = this.#counts[0] ?? 0;
    const size = --this.#size;
    const pair = this.#pairs[size] ?? 0;
    const count = this.#counts[size] ?? 0;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= size) break;
      let below = this.#pairs[child] ?? 0;
      let belowCount = this.#counts[child] ?? 0;
      if (child + 1 < size) {
        const other = this.#pairs[child + 1] ?? 0;
        const otherCount = this.#counts[child + 1] ?? 0;
        if (this.#before(other, otherCount, below, belowCount)) {
          child++;
          below = other;
          belowCount = otherCount;
        }
      }
      if (!this.#before(below, belowCount, pair, count)) break;
      this.#pairs[index] = below;
      this.#counts[index] = belowCount;
      index = child;
    }
    if (size > 0) {
      this.#pairs[index] = pair;
      this.#counts[index] = count;
    }
    return top;
  }
}
