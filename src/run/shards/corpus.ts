import type { Corpus } from "../../data/define-corpus-stage.ts";
import { readShard } from "./documents.ts";
import type { ShardFolder } from "./shards.ts";

/** Shards whose ids are kept in memory. */
const KEPT_SHARDS = 64;

/** The documents of a finished stage by their numbers in the corpus. Memory holds 8 bytes a shard and some ids. */
export class ShardedCorpus implements Corpus {
  readonly shards: number;
  readonly #from: ShardFolder;
  readonly #firsts: Float64Array;
  /** In the order of their last use. */
  readonly #ids = new Map<number, string[]>();

  constructor(from: ShardFolder) {
    this.#from = from;
    this.shards = from.count() ?? 0;
    this.#firsts = new Float64Array(this.shards + 1);
    for (let shard = 0; shard < this.shards; shard++) {
      this.#firsts[shard + 1] = this.firstOf(shard) + (from.info(shard)?.documents ?? 0);
    }
  }

  get documents(): number {
    return this.firstOf(this.shards);
  }

  firstOf(shard: number): number {
    return this.#firsts[shard] ?? 0;
  }

  idOf(document: number): string {
    const shard = this.#shardOf(document);
    const ids = this.#ids.get(shard) ?? readShard(this.#from.folder, shard).map(({ id }) => id);
    this.#ids.delete(shard);
    if (this.#ids.size >= KEPT_SHARDS) this.#ids.delete(this.#ids.keys().next().value ?? 0);
    this.#ids.set(shard, ids);
    return ids[document - this.firstOf(shard)] ?? "";
  }

  #shardOf(document: number): number {
    let low = 0;
    for (let high = this.shards; high - low > 1; ) {
      const middle = (low + high) >> 1;
      if (this.firstOf(middle) <= document) low = middle;
      else high = middle;
    }
    return low;
  }
}
