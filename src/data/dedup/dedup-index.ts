import type { Drop } from "../stage.ts";
import type { DedupSettings } from "./settings.ts";
import { type Signature, similarity } from "./signature.ts";
import { UnionFind } from "./union-find.ts";

/** A removed document's reason; `kept` is the id of the document that stands for it. */
export interface DedupDrop extends Drop {
  readonly rule: "exact" | "minhash";
  readonly kept: string;
}

/** In one bucket a document is compared with at most so many, so that a bucket of strangers stays affordable. */
const MOST_COMPARISONS = 2000;
/** Documents per block of the signature store: a growing corpus allocates blocks and never copies one. */
const BLOCK = 4096;

interface Entry {
  id: string;
  order: number;
  length: number;
}

/**
 * Collects signatures of a whole corpus and finds its duplicates. The answer is a function of the set of documents
 * added, whatever the order of the calls: all work is done in order of ids.
 *
 * Clusters are the connected components of "equal digest" or "some band equal and similarity >= threshold".
 * Memory is about 4 · (bands · rows + sketch) + 150 bytes a document, in blocks of typed arrays.
 */
export class DedupIndex {
  readonly #settings: DedupSettings;
  readonly #entries: Entry[] = [];
  readonly #known = new Set<string>();
  readonly #hashes: number;
  readonly #minhash: Int32Array[] = [];
  readonly #digests: Uint32Array[] = [];
  readonly #sketches: Uint32Array[] = [];
  readonly #shingles: number[] = [];

  constructor(settings: DedupSettings) {
    this.#settings = settings;
    const { enabled, bands, rows } = settings.minhash;
    this.#hashes = enabled ? bands * rows : 0;
  }

  get size(): number {
    return this.#entries.length;
  }

  /**
   * `order` is the document's place in the corpus (any number that does not depend on the workers, such as shard ·
   * 2^32 + place), `length` its length in characters. Returns false, and adds nothing, for an id that is there already:
   * the caller should drop that copy, as an id stands for one document.
   */
  add(id: string, order: number, length: number, signature: Signature): boolean {
    if (this.#known.has(id)) return false;
    this.#known.add(id);
    const place = this.#entries.length % BLOCK;
    if (place === 0) {
      this.#minhash.push(new Int32Array(BLOCK * this.#hashes));
      this.#digests.push(new Uint32Array(BLOCK * 4));
    }
    this.#minhash.at(-1)?.set(signature.minhash, place * this.#hashes);
    this.#digests.at(-1)?.set(signature.digest, place * 4);
    this.#sketches.push(signature.sketch);
    this.#shingles.push(signature.shingles);
    this.#entries.push({ id, order, length });
    return true;
  }

  /** The documents to drop, by id. `value` is the similarity to the kept document. */
  resolve(): Map<string, DedupDrop> {
    const entries = this.#entries;
    // All that follows works on ranks: places in the order of ids.
    const sorted = entries.map((_, i) => i).sort((a, b) => compare(entries[a]?.id ?? "", entries[b]?.id ?? ""));
    const at = (rank: number): number => sorted[rank] ?? 0;
    const better = (a: number, b: number): boolean => this.#isBetter(at(a), at(b));

    const all = entries.map((_, rank) => rank);
    const equal = new UnionFind(entries.length);
    if (this.#settings.exact) {
      const sameDigest = (a: number, b: number): boolean => same(this.#digest(at(a)), this.#digest(at(b)));
      for (const bucket of buckets(all, (rank) => this.#digest(at(rank))[0] ?? 0)) {
        eachClass(bucket, sameDigest, (first, other) => equal.join(first, other));
      }
    }
    const bestEqual = equal.best(better);
    const clusters = new UnionFind(entries.length);
    const representatives = all.filter((rank) => bestEqual[rank] === rank);
    for (const rank of all) clusters.join(rank, bestEqual[rank] ?? rank);
    if (this.#hashes > 0) this.#joinNear(representatives, at, clusters);

    const drops = new Map<string, DedupDrop>();
    const best = clusters.best(better);
    for (const rank of all) {
      const kept = best[rank] ?? rank;
      if (kept === rank) continue;
      const keptId = entries[at(kept)]?.id ?? "";
      const id = entries[at(rank)]?.id ?? "";
      if (bestEqual[rank] !== rank) drops.set(id, { rule: "exact", value: 1, kept: keptId, detail: `kept ${keptId}` });
      else {
        const value = similarity(this.#signature(at(kept)), this.#signature(at(rank)));
        const { threshold } = this.#settings.minhash;
        const detail = value >= threshold ? `kept ${keptId}` : `kept ${keptId}, alike through others of its cluster`;
        drops.set(id, { rule: "minhash", value, threshold, kept: keptId, detail });
      }
    }
    return drops;
  }

  #joinNear(ranks: readonly number[], at: (rank: number) => number, clusters: UnionFind): void {
    const { bands, rows, threshold } = this.#settings.minhash;
    for (let band = 0; band < bands; band++) {
      const rowsOf = (rank: number): Int32Array => this.#minhashOf(at(rank)).subarray(band * rows, (band + 1) * rows);
      for (const bucket of buckets(ranks, (rank) => hashRows(rowsOf(rank)))) {
        // Documents of one cluster need no comparison: a further edge would not change the components.
        const groups: number[][] = [];
        for (const rank of bucket) {
          const joined: number[] = [rank];
          const others: number[][] = [];
          let budget = MOST_COMPARISONS;
          for (const group of groups) {
            let near = clusters.find(group[0] ?? rank) === clusters.find(rank);
            for (let k = 0; k < group.length && !near && budget > 0; k++, budget--) {
              const other = group[k] ?? rank;
              near =
                same(rowsOf(rank), rowsOf(other)) &&
                similarity(this.#signature(at(rank)), this.#signature(at(other))) >= threshold;
            }
            if (!near) others.push(group);
            else {
              clusters.join(group[0] ?? rank, rank);
              joined.push(...group);
            }
          }
          groups.splice(0, groups.length, ...others, joined);
        }
      }
    }
  }

  #isBetter(a: number, b: number): boolean {
    const [x, y] = [this.#entries[a], this.#entries[b]];
    if (x === undefined || y === undefined) return false;
    if (this.#settings.keep === "longest" && x.length !== y.length) return x.length > y.length;
    if (this.#settings.keep === "first" && x.order !== y.order) return x.order < y.order;
    return compare(x.id, y.id) < 0;
  }

  #signature(i: number): Signature {
    return {
      digest: this.#digest(i),
      minhash: this.#minhashOf(i),
      sketch: this.#sketches[i] ?? new Uint32Array(0),
      shingles: this.#shingles[i] ?? 0,
    };
  }

  #minhashOf(i: number): Int32Array {
    const start = (i % BLOCK) * this.#hashes;
    return (this.#minhash[Math.floor(i / BLOCK)] ?? new Int32Array(0)).subarray(start, start + this.#hashes);
  }

  #digest(i: number): Uint32Array {
    const start = (i % BLOCK) * 4;
    return (this.#digests[Math.floor(i / BLOCK)] ?? new Uint32Array(0)).subarray(start, start + 4);
  }
}

/** Groups of two and more ranks with equal 32-bit keys, each ascending: one sorted array of (key, rank) words. */
function* buckets(ranks: readonly number[], keyOf: (rank: number) => number): Generator<number[]> {
  const pairs = new BigUint64Array(ranks.length);
  // A pair of 32-bit halves in one 64-bit word sorts natively, without a comparison function and without BigInts.
  const halves = new Uint32Array(pairs.buffer);
  for (const [i, rank] of ranks.entries()) {
    halves[2 * i] = rank;
    halves[2 * i + 1] = keyOf(rank);
  }
  pairs.sort();
  for (let i = 0; i < ranks.length; ) {
    let end = i + 1;
    while (end < ranks.length && halves[2 * end + 1] === halves[2 * i + 1]) end++;
    if (end > i + 1) yield Array.from({ length: end - i }, (_, k) => halves[2 * (i + k)] ?? 0);
    i = end;
  }
}

/** Joins the members of a bucket that are really equal (a 32-bit key may collide). */
function eachClass(
  bucket: readonly number[],
  equal: (a: number, b: number) => boolean,
  join: (first: number, other: number) => void,
): void {
  const firsts: number[] = [];
  for (const rank of bucket) {
    const first = firsts.find((candidate) => equal(candidate, rank));
    if (first === undefined) firsts.push(rank);
    else join(first, rank);
  }
}

function hashRows(rows: Int32Array): number {
  let hash = rows.length;
  for (let i = 0; i < rows.length; i++) {
    hash = Math.imul(hash ^ (rows[i] ?? 0), 0x85ebca6b);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}

function same(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
