import { DirectMerger } from "./direct-merger.ts";
import { PairTable } from "./pair-table.ts";

/** Pieces up to this many symbols are merged by looking at all pairs each time, longer ones with a heap. */
const SHORT = 40;
/** Symbols merged one by one before the tables of {@link DirectMerger} are worth their making. */
const WARM_UP = 50_000;

/**
 * Applies merges to one piece: always the pair of lowest rank, the leftmost first, until none is left.
 * A long piece takes O(n log n), so a megabyte without a space is no trap.
 */
export class Merger {
  readonly #ranks: PairTable;
  readonly #results: Int32Array;
  #symbols = new Int32Array(SHORT);
  #next = new Int32Array(SHORT);
  #previous = new Int32Array(SHORT);
  readonly #heap = new RankHeap();
  readonly #merges;
  readonly #baseIds;
  #warmth = 0;
  #direct: DirectMerger | undefined;

  /**
   * @param merges left id, right id and resulting id, by rank
   * @param baseIds the symbols that pieces are made of, where they are few: then long texts go {@link DirectMerger}'s way
   */
  constructor(
    merges: readonly (readonly [left: number, right: number, result: number])[],
    baseIds?: ArrayLike<number>,
  ) {
    this.#merges = merges;
    this.#baseIds = baseIds;
    this.#ranks = new PairTable(merges.length);
    this.#results = new Int32Array(merges.length);
    merges.forEach(([left, right, result], rank) => {
      // Of a pair that is listed twice the later rank counts, as in Hugging Face's library.
      this.#ranks.set(left, right, rank);
      this.#results[rank] = result;
    });
  }

  /** Merges `ids[0, length)` in place; returns how many are left. */
  merge(ids: Int32Array, length: number): number {
    if (this.#direct !== undefined) return this.#direct.merge(ids, length);
    if (this.#baseIds !== undefined && (this.#warmth += length) > WARM_UP) {
      this.#direct = DirectMerger.of(this.#merges, this.#baseIds, this.#ranks);
      if (this.#direct === undefined) this.#warmth = -Infinity;
    }
    return length <= SHORT ? this.#mergeShort(ids, length) : this.#mergeLong(ids, length);
  }

  #mergeShort(ids: Int32Array, length: number): number {
    const ranks = this.#next;
    for (let i = 0; i + 1 < length; i++) ranks[i] = this.#ranks.get(ids[i] ?? 0, ids[i + 1] ?? 0);
    while (length > 1) {
      let best = -1;
      let at = 0;
      for (let i = 0; i + 1 < length; i++) {
        const rank = ranks[i] ?? -1;
        if (rank >= 0 && (best < 0 || rank < best)) {
          best = rank;
          at = i;
        }
      }
      if (best < 0) break;
      ids[at] = this.#results[best] ?? 0;
      length--;
      for (let i = at + 1; i < length; i++) {
        ids[i] = ids[i + 1] ?? 0;
        ranks[i] = ranks[i + 1] ?? -1;
      }
      if (at > 0) ranks[at - 1] = this.#ranks.get(ids[at - 1] ?? 0, ids[at] ?? 0);
      if (at + 1 < length) ranks[at] = this.#ranks.get(ids[at] ?? 0, ids[at + 1] ?? 0);
    }
    return length;
  }

  #mergeLong(ids: Int32Array, length: number): number {
    this.#reserve(length);
    const symbols = this.#symbols;
    const next = this.#next;
    const previous = this.#previous;
    const heap = this.#heap;
    for (let i = 0; i < length; i++) {
      symbols[i] = ids[i] ?? 0;
      next[i] = i + 1;
      previous[i] = i - 1;
      if (i + 1 < length) heap.push(this.#ranks.get(ids[i] ?? 0, ids[i + 1] ?? 0), i);
    }
    for (let at = heap.pop(); at >= 0; at = heap.pop()) {
      const right = next[at] ?? length;
      // Entries grow stale when a neighbour is merged away: they count only if the pair still has this rank.
      if ((symbols[at] ?? -1) < 0 || right >= length) continue;
      if (this.#ranks.get(symbols[at] ?? 0, symbols[right] ?? 0) !== heap.rank) continue;
      symbols[at] = this.#results[heap.rank] ?? 0;
      symbols[right] = -1;
      const after = next[right] ?? length;
      next[at] = after;
      if (after < length) {
        previous[after] = at;
        heap.push(this.#ranks.get(symbols[at] ?? 0, symbols[after] ?? 0), at);
      }
      const before = previous[at] ?? -1;
      if (before >= 0) heap.push(this.#ranks.get(symbols[before] ?? 0, symbols[at] ?? 0), before);
    }
    let count = 0;
    for (let i = 0; i < length; i = next[i] ?? length) ids[count++] = symbols[i] ?? 0;
    return count;
  }

  #reserve(length: number): void {
    if (this.#symbols.length >= length) return;
    this.#symbols = new Int32Array(length);
    this.#next = new Int32Array(length);
    this.#previous = new Int32Array(length);
  }
}

/** A binary heap of (rank, position), lowest rank first, then leftmost. Both fit in one double: rank * 2^32 + position. */
class RankHeap {
  #items = new Float64Array(256);
  #size = 0;
  /** The rank of what was popped last. */
  rank = -1;

  /** Adds an entry; a rank below 0 is none. */
  push(rank: number, position: number): void {
    if (rank < 0) return;
    if (this.#size === this.#items.length) {
      const grown = new Float64Array(this.#size * 2);
      grown.set(this.#items);
      this.#items = grown;
    }
    const items = this.#items;
    const item = rank * 0x100000000 + position;
    let index = this.#size++;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = items[parent] ?? 0;
      if (above <= item) break;
      items[index] = above;
      index = parent;
    }
    items[index] = item;
  }

  /** Takes the first entry out: returns its position and sets {@link rank}, or returns -1 when there is none. */
  pop(): number {
    if (this.#size === 0) return -1;
    const items = this.#items;
    const top = items[0] ?? 0;
    const item = items[--this.#size] ?? 0;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && (items[child + 1] ?? 0) < (items[child] ?? 0)) child++;
      const below = items[child] ?? 0;
      if (below >= item) break;
      items[index] = below;
      index = child;
    }
    if (this.#size > 0) items[index] = item;
    this.rank = Math.floor(top / 0x100000000);
    return top % 0x100000000;
  }
}
