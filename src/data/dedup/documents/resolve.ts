import type { Drop } from "../../stage.ts";
import type { ExternalSorter } from "../external-sort.ts";
import type { DedupSettings } from "./settings.ts";
import { similarity, type Sketch } from "./signature.ts";
import { UnionFind } from "./union-find.ts";

/** A removed document's reason; `kept` is the id of the document that stands for it. */
export interface DedupDrop extends Drop {
  readonly rule: (typeof RULES)[number];
  readonly kept: string;
}

/** In the order in which they are looked at: each rule sees what those before it have left. */
export const RULES = ["same_id", "url", "exact", "minhash"] as const;

/** The first three rules' keys; the bands of MinHash follow. */
export const KEY_COLUMNS = 3;

/** Signatures of a corpus by document number (its position in the corpus), in memory or on disk. */
export interface SignatureSource {
  readonly size: number;
  /** In code points. */
  readonly lengths: Uint32Array;
  /**
   * The 64-bit keys of one column (id, address, text, band 0, band 1, …), ascending by document. Documents without a
   * key (no address) may be left out.
   */
  keys(column: number, visit: (document: number, high: number, low: number) => void): void;
  /** 64 further bits of the key of one of the first three columns. */
  further(column: number, document: number): string;
  sketch(document: number): Sketch;
  id(document: number): string;
}

/** Which documents go, and which one stands for each. 9 bytes a document, and 4 while it is worked out. */
export interface Resolution {
  /** For each document the one that stands for it: itself, when it stays. */
  readonly kept: Uint32Array;
  /** Index in {@link RULES} of the rule that removed it; `RULES.length` for those that stay. */
  readonly rules: Uint8Array;
}

/** In one bucket a document is compared with at most so many, so that a bucket of strangers stays affordable. */
const MOST_COMPARISONS = 2000;

/**
 * Finds the duplicates of a corpus. Of equal ids, addresses and texts one is kept; among the documents left by that,
 * clusters are the connected components of "some band equal and similarity >= threshold". All work is done in order of
 * keys and documents, so the result depends on the corpus and settings alone: not on where signatures lie, on who
 * computed them, or on the memory of the sorter.
 *
 * Yields now and then, so that a caller can stop or show progress: the share that is done.
 */
export function* resolveDuplicates(
  source: SignatureSource,
  settings: DedupSettings,
  makeSorter: () => ExternalSorter,
): Generator<number, Resolution> {
  const { size, lengths } = source;
  const kept = Uint32Array.from({ length: size }, (_, i) => i);
  const rules = new Uint8Array(size).fill(RULES.length);
  const { enabled, bands, threshold } = settings.minhash;
  const rounds = KEY_COLUMNS + (enabled ? bands : 0);
  const better = (a: number, b: number): boolean =>
    settings.keep === "longest" && lengths[a] !== lengths[b] ? (lengths[a] ?? 0) > (lengths[b] ?? 0) : a < b;
  const remove = (document: number, by: number, rule: number): void => {
    kept[document] = by;
    rules[document] = rule;
  };

  /** Calls back with documents that are still there and have equal keys. */
  function* buckets(column: number): Generator<number[]> {
    const sorter = makeSorter();
    try {
      source.keys(column, (document, high, low) => {
        if (rules[document] === RULES.length) sorter.add(high, low, document);
      });
      for (const { values } of sorter.groups()) yield values;
    } finally {
      sorter.close();
    }
  }

  for (const [column, isEnabled] of [true, settings.url.enabled, settings.exact].entries()) {
    if (!isEnabled) continue;
    let found = 0;
    for (const bucket of buckets(column)) {
      for (const alike of classes(bucket, (document) => source.further(column, document))) {
        // Another document under a known id is told from it by nothing: the first one stays.
        const isBetter = column === 0 ? (a: number, b: number): boolean => a < b : better;
        const best = alike.reduce((a, b) => (isBetter(b, a) ? b : a));
        for (const document of alike) if (document !== best) remove(document, best, column);
      }
      if (++found % 1024 === 0) yield column / rounds;
    }
    yield (column + 1) / rounds;
  }
  if (!enabled) return followed(kept, rules);

  const clusters = new UnionFind(size);
  for (let band = 0; band < bands; band++) {
    let found = 0;
    for (const bucket of buckets(KEY_COLUMNS + band)) {
      joinBucket(bucket, clusters, (a, b) => similarity(source.sketch(a), source.sketch(b)) >= threshold);
      if (++found % 1024 === 0) yield (KEY_COLUMNS + band) / rounds;
    }
    yield (KEY_COLUMNS + band + 1) / rounds;
  }
  // Documents that are gone already are in no bucket, and so alone in their set.
  const best = clusters.best(better);
  const near = RULES.indexOf("minhash");
  for (let document = 0; document < size; document++) {
    const by = best[document] ?? document;
    if (by !== document) remove(document, by, near);
  }
  return followed(kept, rules);
}

/** What stands for a document may itself have gone by a later rule: then it is what stands for that. */
function followed(kept: Uint32Array, rules: Uint8Array): Resolution {
  for (let document = 0; document < kept.length; document++) {
    let by = kept[document] ?? document;
    for (let next = kept[by] ?? by; next !== by; next = kept[by] ?? by) by = next;
    kept[document] = by;
  }
  return { kept, rules };
}

/** The ledger's reason for a removed document; undefined for one that stays. */
export function dropOf(
  document: number,
  { kept, rules }: Resolution,
  source: SignatureSource,
  settings: DedupSettings,
): DedupDrop | undefined {
  const rule = RULES[rules[document] ?? RULES.length];
  if (rule === undefined) return undefined;
  const by = kept[document] ?? document;
  const id = source.id(by);
  if (rule === "same_id") return { rule, kept: id, detail: `kept ${id}` };
  if (rule !== "minhash") return { rule, value: 1, kept: id, detail: `kept ${id}` };
  const { threshold } = settings.minhash;
  const value = similarity(source.sketch(by), source.sketch(document));
  const detail = value >= threshold ? `kept ${id}` : `kept ${id}, alike through others of its cluster`;
  return { rule, value, threshold, kept: id, detail };
}

/** Joins what is near in a bucket. Documents of one cluster need no comparison: a further edge would change nothing. */
function joinBucket(bucket: readonly number[], clusters: UnionFind, isNear: (a: number, b: number) => boolean): void {
  let groups: number[][] = [];
  for (const document of bucket) {
    const joined: number[] = [document];
    const others: number[][] = [];
    let budget = MOST_COMPARISONS;
    for (const group of groups) {
      const [first = document] = group;
      let near = clusters.find(first) === clusters.find(document);
      for (let k = 0; k < group.length && !near && budget > 0; k++, budget--)
        near = isNear(document, group[k] ?? first);
      if (!near) others.push(group);
      else {
        clusters.join(first, document);
        for (const member of group) joined.push(member);
      }
    }
    if (groups.length === 1 && others.length === 0) groups[0]?.push(document);
    else if (others.length >= MOST_COMPARISONS) groups = others;
    else groups = [...others, joined];
  }
}

/** Groups of two and more with really equal keys: 64 bits may collide. */
function classes(bucket: readonly number[], furtherOf: (document: number) => string): number[][] {
  const byKey = new Map<string, number[]>();
  for (const document of bucket) {
    const key = furtherOf(document);
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, [document]);
    else known.push(document);
  }
  return [...byKey.values()].filter((group) => group.length > 1);
}
