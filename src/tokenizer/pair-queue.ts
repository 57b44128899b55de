/**
 * Pairs by count: the highest first, then the smaller left id, then the smaller right id, which is the order of
 * Hugging Face's trainer. A binary heap. Counts change while a pair waits, so an entry may be out of date: the caller
 * compares the count it was queued with to the true one, and queues it again where they differ.
 */
export class PairQueue {
  readonly #left: readonly number[];
  readonly #right: readonly number[];
  #pairs: number[] = [];
  #counts: number[] = [];
  /** The count that the last popped pair was queued with. */
  count = 0;

  /** @param left ids by pair index; @param right likewise */
  constructor(left: readonly number[], right: readonly number[]) {
    this.#left = left;
    this.#right = right;
  }

  #before(pairA: number, countA: number, pairB: number, countB: number): boolean {
    if (countA !== countB) return countA > countB;
    const leftA = this.#left[pairA] ?? 0;
    const leftB = this.#left[pairB] ?? 0;
    return leftA !== leftB ? leftA < leftB : (this.#right[pairA] ?? 0) < (this.#right[pairB] ?? 0);
  }

  push(pair: number, count: number): void {
    let index = this.#pairs.length;
    this.#pairs.push(pair);
    this.#counts.push(count);
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
    const top = this.#pairs[0];
    if (top === undefined) return -1;
    this.count = this.#counts[0] ?? 0;
    const pair = this.#pairs.pop() ?? 0;
    const count = this.#counts.pop() ?? 0;
    const size = this.#pairs.length;
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
