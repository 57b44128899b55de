import { HashIds } from "../../../ngram/hash-ids.ts";
import { hashTokens, type HashedTokens } from "./tokens.ts";

/** A text of a benchmark: `file#n` and what stands there. */
export interface BenchmarkItem {
  readonly name: string;
  readonly text: string;
}

/** A stretch of a document that stands in a benchmark too: [start, end) in UTF-16 units, and of which item. */
export interface Hit {
  readonly start: number;
  readonly end: number;
  readonly item: string;
  /** Tokens in a row that are shared. */
  readonly tokens: number;
}

export interface GramSizes {
  readonly words: number;
  readonly han: number;
}

/**
 * N-grams of benchmark items, by 64-bit hashes of normalised tokens. A stretch counts when it has `words` words, or
 * `han` Han characters, or enough of a mixture (each word 1 / words, each Han character 1 / han). An item that is
 * shorter has no n-gram and cannot be found: {@link skipped} counts those.
 */
export class BenchmarkIndex {
  readonly #sizes: GramSizes;
  readonly #ids = new HashIds();
  readonly #itemOf: number[] = [];
  readonly #names: string[] = [];
  /** Items too short to have an n-gram. */
  skipped = 0;

  constructor(sizes: GramSizes) {
    this.#sizes = sizes;
    this.#ids.reset(0);
  }

  get items(): number {
    return this.#names.length;
  }
  get grams(): number {
    return this.#ids.distinct;
  }

  add({ name, text }: BenchmarkItem): void {
    const item = this.#names.length;
    this.#names.push(name);
    let any = false;
    this.#eachGram(hashTokens(text), (first, second) => {
      any = true;
      const before = this.#ids.distinct;
      if (this.#ids.idOf(first, second) === before) this.#itemOf.push(item);
    });
    if (!any) this.skipped++;
  }

  /** Where a document repeats benchmark items: overlapping n-grams are one hit, named after the first item. */
  find(text: string): Hit[] {
    const tokens = hashTokens(text);
    const hits: { start: number; end: number; item: string; first: number; last: number }[] = [];
    this.#eachGram(tokens, (first, second, from, to) => {
      const id = this.#ids.find(first, second);
      if (id < 0) return;
      const last = hits.at(-1);
      const end = tokens.ends[to - 1] ?? 0;
      if (last !== undefined && from < last.last) {
        last.end = end;
        last.last = to;
      } else {
        const item = this.#names[this.#itemOf[id] ?? 0] ?? "";
        hits.push({ start: tokens.starts[from] ?? 0, end, item, first: from, last: to });
      }
    });
    return hits.map(({ start, end, item, first, last }) => ({ start, end, item, tokens: last - first }));
  }

  /** Calls with the hash of each n-gram and its tokens [from, to). */
  #eachGram(tokens: HashedTokens, call: (first: number, second: number, from: number, to: number) => void): void {
    const { words, han } = this.#sizes;
    const whole = words * han;
    let weight = 0;
    let from = 0;
    const weightOf = (i: number): number => (tokens.han[i] === 1 ? words : han);
    for (let to = 1; to <= tokens.count; to++) {
      weight += weightOf(to - 1);
      if (weight < whole) continue;
      // The shortest run that ends here and still weighs enough: a function of the tokens alone, in every text.
      while (weight - weightOf(from) >= whole) weight -= weightOf(from++);
      let [first, second] = [0, 0];
      for (let i = from; i < to; i++) {
        first = Math.imul(((first << 13) | (first >>> 19)) ^ (tokens.first[i] ?? 0), 0x9e3779b1);
        second = Math.imul(((second << 7) | (second >>> 25)) ^ (tokens.second[i] ?? 0), 0x85ebca6b);
      }
      call(first, second, from, to);
    }
  }
}
