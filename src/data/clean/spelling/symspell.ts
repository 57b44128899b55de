/** A word of the index near to the one looked up. */
export interface Suggestion {
  readonly word: string;
  /** Optimal string alignment: insertions, deletions, substitutions, swaps of neighbours. */
  readonly distance: number;
}

const BUCKETS = 1 << 20;
/** Characters from which deletions are made: enough to tell words apart, and it bounds the size of the index. */
const PREFIX = 7;

/**
 * Symmetric delete spelling correction (Garbe 2012, "1000x faster spelling correction"): two words within distance d
 * share a string that deleting at most d characters makes of each. All deletions of the words' beginnings stand in
 * buckets by hash; a look-up makes the deletions of its word and compares with what those buckets hold.
 */
export class SymSpell {
  readonly #words: readonly string[];
  readonly #starts = new Int32Array(BUCKETS + 1);
  readonly #entries: Int32Array;
  readonly #maxDistance: number;
  readonly #visited: Int32Array;
  #stamp = 0;

  constructor(words: readonly string[], maxDistance = 2) {
    this.#words = words;
    this.#maxDistance = maxDistance;
    this.#visited = new Int32Array(words.length);
    const bucketsOf = words.map((word) => Int32Array.from(deletions(word, maxDistance)));
    for (const buckets of bucketsOf)
      for (const bucket of buckets) this.#starts[bucket + 1] = (this.#starts[bucket + 1] ?? 0) + 1;
    for (let b = 0; b < BUCKETS; b++) this.#starts[b + 1] = (this.#starts[b + 1] ?? 0) + (this.#starts[b] ?? 0);
    this.#entries = new Int32Array(this.#starts[BUCKETS] ?? 0);
    const next = this.#starts.slice();
    for (const [i, buckets] of bucketsOf.entries()) {
      for (const bucket of buckets) {
        this.#entries[next[bucket] ?? 0] = i;
        next[bucket] = (next[bucket] ?? 0) + 1;
      }
    }
  }

  /** Every word within `distance` (at most that of the index), in the order of the words. */
  lookup(word: string, distance: number): Suggestion[] {
    const limit = Math.min(distance, this.#maxDistance);
    const found: { index: number; distance: number }[] = [];
    this.#stamp++;
    for (const bucket of deletions(word, limit)) {
      for (let k = this.#starts[bucket] ?? 0; k < (this.#starts[bucket + 1] ?? 0); k++) {
        const index = this.#entries[k] ?? 0;
        if (this.#visited[index] === this.#stamp) continue;
        this.#visited[index] = this.#stamp;
        const candidate = this.#words[index] ?? "";
        if (Math.abs(candidate.length - word.length) > limit) continue;
        const d = editDistance(word, candidate, limit);
        if (d <= limit) found.push({ index, distance: d });
      }
    }
    found.sort((a, b) => a.index - b.index);
    return found.map(({ index, distance: d }) => ({ word: this.#words[index] ?? "", distance: d }));
  }
}

/** Buckets of all strings that deleting up to `distance` characters makes of a word's beginning. */
function deletions(word: string, distance: number): Set<number> {
  const start = word.slice(0, PREFIX);
  const strings = new Set([start]);
  let last = [start];
  for (let d = 0; d < distance; d++) {
    const next: string[] = [];
    for (const text of last) {
      for (let i = 0; i < text.length; i++) {
        const shorter = text.slice(0, i) + text.slice(i + 1);
        if (strings.has(shorter)) continue;
        strings.add(shorter);
        next.push(shorter);
      }
    }
    last = next;
  }
  const buckets = new Set<number>();
  for (const text of strings) {
    let hash = 0x811c9dc5;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    buckets.add((hash ^ (hash >>> 15)) & (BUCKETS - 1));
  }
  return buckets;
}

/** Optimal string alignment distance, or `limit + 1` as soon as it must be larger. */
export function editDistance(a: string, b: string, limit: number): number {
  let before = new Int32Array(b.length + 1);
  let previous = Int32Array.from({ length: b.length + 1 }, (_, j) => j);
  let row = new Int32Array(b.length + 1);
  for (let i = 1; i <= a.length; i++) {
    row[0] = i;
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a.charCodeAt(i - 1) === b.charCodeAt(j - 1);
      let cost = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row[j] = cost;
      least = Math.min(least, cost);
    }
    if (least > limit) return limit + 1;
    [before, previous, row] = [previous, row, before];
  }
  return previous[b.length] ?? 0;
}
