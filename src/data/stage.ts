import type { Document } from "../text/document.ts";

/** Why a document was removed: the rule by its name, the figure that decided, and the bound that it crossed. */
export interface Drop {
  /** The rule's name as in the recipe, e.g. `gopher.min_words` or `minhash`. */
  readonly rule: string;
  /** The document's figure, in the rule's own unit. */
  readonly value?: number | undefined;
  /** The bound from the recipe, same unit as `value`. */
  readonly threshold?: number | undefined;
  /** What else a reader needs: the language found, the id of the document that was kept instead. */
  readonly detail?: string | undefined;
  /** What the ledger shows instead of the beginning of the text, which may be what nobody should see. */
  readonly excerpt?: string | undefined;
}

/** What one rule took out of a document that is kept: lines, paragraphs, masked numbers. `value` is how many. */
export interface PartRemoval extends Drop {
  readonly value: number;
  /** What the ledger shows of it. Must not hold what was removed to protect somebody. */
  readonly excerpt: string;
}

/**
 * A stage's answer about one document: keep it (as it is, changed, or annotated; with the parts that were taken out,
 * one entry a rule), or drop it with the reason.
 */
export type Verdict = { readonly keep: Document; readonly parts?: readonly PartRemoval[] } | { readonly drop: Drop };

/**
 * A stage that looks at one document at a time: extract, clean, filter.
 * `map` is synchronous, keeps no state between documents, and never throws on any text: so documents can go to any
 * worker in any order and the result is the same.
 */
export interface DocumentMapper {
  /** The stage's name, as it stands in the ledger: `extract`, `clean`, `filter`. */
  readonly name: string;
  map(document: Document): Verdict;
}

/** Input that was skipped because it could not be read: broken UTF-8, a truncated gz, a malformed JSON line. */
export interface Problem {
  /** `file` or `file:line`. */
  readonly where: string;
  readonly message: string;
}

/** One removed document, as written to the ledger (one JSON object a line). Keys without a value are left out. */
export interface LedgerEntry extends Drop {
  readonly stage: string;
  readonly id: string;
  readonly source: string;
  /** The beginning of the text, white space folded, at most {@link EXCERPT_LENGTH} UTF-16 units. */
  readonly excerpt: string;
  /** True where only parts of the document were removed (`value` of them), and the document was kept. */
  readonly part?: boolean | undefined;
}

/** How many documents, and how long they are together. Characters are Unicode code points; bytes are UTF-8. */
export interface Amount {
  documents: number;
  characters: number;
  bytes: number;
}

/** What one rule removed; `smallest` and `largest` bound the figures that decided (null for a rule without a figure). */
export interface RuleStatistics extends Amount {
  smallest: number | null;
  largest: number | null;
}

/** What one rule took out of documents that were kept. */
export interface PartStatistics {
  documents: number;
  /** Lines, paragraphs, numbers: what the rule counts. */
  parts: number;
}

/**
 * What a stage did. A plain object: goes through `JSON.stringify` and `structuredClone` unchanged, and two of them
 * (of two shards, two workers) add up with {@link mergeStatistics}.
 */
export interface StageStatistics {
  stage: string;
  in: Amount;
  out: Amount;
  /** Kept documents whose text the stage changed. */
  changed: number;
  /** By rule name. */
  removed: Record<string, RuleStatistics>;
  /** By rule name, for rules that take parts out of documents; left out where none did. */
  parts?: Record<string, PartStatistics> | undefined;
  /** Kept documents by ISO 639-1 code; `und` where the language is not known. */
  languages: Record<string, Amount>;
  /**
   * Kept documents by length in code points: `lengths[0]` counts empty ones, `lengths[k]` those with
   * 2^(k-1) <= length < 2^k.
   */
  lengths: number[];
  /** Working time, summed over workers, in whole microseconds (integers, so that adding has one answer). */
  microseconds: number;
}

/** Length of a ledger entry's excerpt, in UTF-16 units. */
export const EXCERPT_LENGTH = 200;

/** Statistics of a stage that has seen nothing: the zero of {@link mergeStatistics}. */
export function emptyStatistics(stage: string): StageStatistics {
  return {
    stage,
    in: emptyAmount(),
    out: emptyAmount(),
    changed: 0,
    removed: {},
    languages: {},
    lengths: [],
    microseconds: 0,
  };
}

/**
 * The sum of two statistics of the same stage; neither argument is changed. Associative and commutative to the byte
 * (keys come out sorted), so shards can be merged in any order and in any grouping.
 */
export function mergeStatistics(a: StageStatistics, b: StageStatistics): StageStatistics {
  const lengths = Array.from({ length: Math.max(a.lengths.length, b.lengths.length) }, (_, k) => {
    return (a.lengths[k] ?? 0) + (b.lengths[k] ?? 0);
  });
  const parts = mergeRecords(a.parts ?? {}, b.parts ?? {}, (x, y) => ({
    documents: x.documents + y.documents,
    parts: x.parts + y.parts,
  }));
  return {
    stage: a.stage,
    in: addAmounts(a.in, b.in),
    out: addAmounts(a.out, b.out),
    changed: a.changed + b.changed,
    removed: mergeRecords(a.removed, b.removed, addRules),
    ...(Object.keys(parts).length === 0 ? {} : { parts }),
    languages: mergeRecords(a.languages, b.languages, addAmounts),
    lengths,
    microseconds: a.microseconds + b.microseconds,
  };
}

/** Number of code points and UTF-8 bytes of a text (a lone surrogate counts as one character of 3 bytes, U+FFFD). */
export function measure(text: string): Amount {
  let pairs = 0;
  for (let i = 0; i + 1 < text.length; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      pairs++;
      i++;
    }
  }
  return { documents: 1, characters: text.length - pairs, bytes: Buffer.byteLength(text, "utf8") };
}

/** Adds one document and the stage's verdict on it to `statistics` (changed in place). */
export function countVerdict(statistics: StageStatistics, document: Document, verdict: Verdict): void {
  const before = measure(document.text);
  increase(statistics.in, before);
  if ("drop" in verdict) {
    const { rule, value } = verdict.drop;
    const removed = (statistics.removed[rule] ??= { ...emptyAmount(), smallest: null, largest: null });
    increase(removed, before);
    if (value !== undefined) {
      removed.smallest = Math.min(removed.smallest ?? value, value);
      removed.largest = Math.max(removed.largest ?? value, value);
    }
    return;
  }
  for (const { rule, value } of verdict.parts ?? []) {
    const part = ((statistics.parts ??= {})[rule] ??= { documents: 0, parts: 0 });
    part.documents++;
    part.parts += value;
  }
  const same = verdict.keep.text === document.text;
  const after = same ? before : measure(verdict.keep.text);
  if (!same) statistics.changed++;
  increase(statistics.out, after);
  increase((statistics.languages[languageKey(verdict.keep.language)] ??= emptyAmount()), after);
  const bucket = 32 - Math.clz32(after.characters);
  while (statistics.lengths.length <= bucket) statistics.lengths.push(0);
  statistics.lengths[bucket] = (statistics.lengths[bucket] ?? 0) + 1;
}

/** The ledger's line for a removed document. */
export function ledgerEntry(stage: string, document: Document, drop: Drop): LedgerEntry {
  return {
    stage,
    id: document.id,
    source: document.source,
    rule: drop.rule,
    ...(drop.value === undefined ? {} : { value: drop.value }),
    ...(drop.threshold === undefined ? {} : { threshold: drop.threshold }),
    ...(drop.detail === undefined ? {} : { detail: drop.detail }),
    excerpt: excerptOf(drop.excerpt ?? document.text),
  };
}

/** The ledger's lines for a verdict: one for a dropped document, one for each rule that took parts out of a kept one. */
export function ledgerEntries(stage: string, document: Document, verdict: Verdict): LedgerEntry[] {
  if ("drop" in verdict) return [ledgerEntry(stage, document, verdict.drop)];
  return (verdict.parts ?? []).map((part) => ({
    ...ledgerEntry(stage, document, part),
    part: true,
  }));
}

/** The first characters of a text on one line; never ends in half a surrogate pair. */
export function excerptOf(text: string, length: number = EXCERPT_LENGTH): string {
  // Looks at a bounded prefix: folding all of a 10 MB page to show 200 characters would cost more than filtering it.
  const folded = text
    .slice(0, length * 8)
    .replace(/\s+/gu, " ")
    .trim();
  const cut = folded.length <= length ? folded : folded.slice(0, length - 1).replace(/[\ud800-\udbff]$/u, "") + "…";
  return cut.replace(/\p{Surrogate}/gu, "\ufffd");
}

/** What {@link mapBatch} gives back: plain data that can go through `postMessage`. */
export interface MappedBatch {
  kept: Document[];
  /** In the order of the documents. */
  removed: LedgerEntry[];
  statistics: StageStatistics;
}

/**
 * Runs a mapper over a shard or batch in memory: what a worker thread calls.
 *
 * @example const { kept, removed, statistics } = mapBatch(await createFilter(settings), documents);
 */
export function mapBatch(mapper: DocumentMapper, documents: Iterable<Document>): MappedBatch {
  const result: MappedBatch = { kept: [], removed: [], statistics: emptyStatistics(mapper.name) };
  const start = performance.now();
  for (const document of documents) {
    const verdict = mapper.map(document);
    countVerdict(result.statistics, document, verdict);
    result.removed.push(...ledgerEntries(mapper.name, document, verdict));
    if ("keep" in verdict) result.kept.push(verdict.keep);
  }
  result.statistics.microseconds = Math.round((performance.now() - start) * 1000);
  return result;
}

/** What {@link runMapper} reports. */
export interface RunMapperOptions {
  /** Called for each removed document, in order; a returned promise is awaited (so that a writer can push back). */
  onRemoved?: (entry: LedgerEntry) => void | Promise<void>;
  /** Added to in place while the documents flow; begin with {@link emptyStatistics}. */
  statistics?: StageStatistics;
}

/**
 * Runs a mapper over a stream and yields the documents it keeps, in order.
 *
 * @example
 * const statistics = emptyStatistics(mapper.name);
 * for await (const document of runMapper(mapper, documents, { statistics, onRemoved: (e) => ledger.append(e) })) …
 */
export async function* runMapper(
  mapper: DocumentMapper,
  documents: AsyncIterable<Document> | Iterable<Document>,
  options: RunMapperOptions = {},
): AsyncGenerator<Document> {
  for await (const document of documents) {
    const start = performance.now();
    const verdict = mapper.map(document);
    if (options.statistics !== undefined) {
      countVerdict(options.statistics, document, verdict);
      options.statistics.microseconds += Math.round((performance.now() - start) * 1000);
    }
    if (options.onRemoved !== undefined) {
      for (const entry of ledgerEntries(mapper.name, document, verdict)) await options.onRemoved(entry);
    }
    if ("keep" in verdict) yield verdict.keep;
  }
}

/** A key that is safe in a plain object, whatever a document says its language is. */
function languageKey(language: string | undefined): string {
  return language !== undefined && /^[a-z]{2,3}(-[a-z0-9]{2,8})*$/iu.test(language) ? language.toLowerCase() : "und";
}

function emptyAmount(): Amount {
  return { documents: 0, characters: 0, bytes: 0 };
}

function increase(amount: Amount, by: Amount): void {
  amount.documents += by.documents;
  amount.characters += by.characters;
  amount.bytes += by.bytes;
}

function addAmounts(a: Amount, b: Amount): Amount {
  return { documents: a.documents + b.documents, characters: a.characters + b.characters, bytes: a.bytes + b.bytes };
}

function addRules(a: RuleStatistics, b: RuleStatistics): RuleStatistics {
  const smallest = [a.smallest, b.smallest].filter((x) => x !== null);
  const largest = [a.largest, b.largest].filter((x) => x !== null);
  return {
    ...addAmounts(a, b),
    smallest: smallest.length === 0 ? null : Math.min(...smallest),
    largest: largest.length === 0 ? null : Math.max(...largest),
  };
}

function mergeRecords<T>(a: Record<string, T>, b: Record<string, T>, add: (x: T, y: T) => T): Record<string, T> {
  const merged: Record<string, T> = {};
  for (const key of [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()) {
    const [x, y] = [a[key], b[key]];
    if (x !== undefined && y !== undefined) merged[key] = add(x, y);
    else if (x !== undefined) merged[key] = structuredClone(x);
    else if (y !== undefined) merged[key] = structuredClone(y);
  }
  return merged;
}
