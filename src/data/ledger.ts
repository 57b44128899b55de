import { closeSync, createReadStream, existsSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { NuwaError } from "../text/errors.ts";
import type { LedgerEntry } from "./stage.ts";

const entrySchema = z.object({
  stage: z.string(),
  id: z.string(),
  source: z.string(),
  rule: z.string(),
  value: z.number().optional(),
  threshold: z.number().optional(),
  detail: z.string().optional(),
  excerpt: z.string(),
  part: z.boolean().optional(),
});

/** Bytes gathered before a write: a ledger can have a line for every second document of a corpus. */
const BUFFER = 64 * 1024;

/**
 * Appends entries to a ledger file, one JSON object a line. Synchronous, so that a stage's shard and its ledger can be
 * finished by the same step. Nothing is on disk for certain before {@link close}.
 */
export class LedgerWriter {
  readonly #path: string;
  #descriptor: number | undefined;
  #pending: string[] = [];
  #size = 0;

  /** @throws NuwaError FILE when the file cannot be opened for writing. */
  constructor(path: string) {
    this.#path = path;
    this.#descriptor = this.#attempt(() => {
      mkdirSync(dirname(path), { recursive: true });
      return openSync(path, "a");
    });
  }

  /** @throws NuwaError FILE when the disk is full or the ledger is closed. */
  append(entry: LedgerEntry): void {
    this.#open();
    const line = `${JSON.stringify(entry)}\n`;
    this.#pending.push(line);
    this.#size += line.length;
    if (this.#size >= BUFFER) this.#write();
  }

  close(): void {
    if (this.#descriptor === undefined) return;
    this.#write();
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    this.#attempt(() => {
      fsyncSync(descriptor);
      closeSync(descriptor);
    });
  }

  #write(): void {
    const descriptor = this.#open();
    const bytes = Buffer.from(this.#pending.join(""), "utf8");
    this.#pending = [];
    this.#size = 0;
    this.#attempt(() => {
      // A write may be short when a disk fills; the next call then says so.
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
    });
  }

  #open(): number {
    if (this.#descriptor === undefined) throw new NuwaError("FILE", "the ledger is closed", { where: this.#path });
    return this.#descriptor;
  }

  #attempt<T>(action: () => T): T {
    try {
      return action();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new NuwaError("FILE", `cannot write the ledger: ${reason}`, { where: this.#path, cause });
    }
  }
}

/** Which entries of the ledger are wanted; what is left out is not asked for. */
export interface LedgerQuery {
  stage?: string | undefined;
  rule?: string | undefined;
  id?: string | undefined;
}

/**
 * Reads the entries of ledger files, in order, that match all of the query; never holds more than a line. A last line
 * cut short by a kill is passed over; any other line that is no entry is an error.
 *
 * @throws NuwaError FILE for a missing file, DATA for a damaged line, with file and line.
 * @example for await (const entry of readLedger(["data/ledger.jsonl"], { rule: "min_words" })) …
 */
export async function* readLedger(paths: readonly string[], query: LedgerQuery = {}): AsyncGenerator<LedgerEntry> {
  for (const path of paths) {
    if (!existsSync(path)) {
      throw new NuwaError("FILE", "expected a ledger, found no file", {
        where: path,
        hint: "a ledger appears when a data stage has run",
      });
    }
    const lines = createInterface({ input: createReadStream(path, "utf8"), crlfDelay: Infinity });
    let number = 0;
    let damaged: number | undefined;
    for await (const line of lines) {
      number++;
      if (damaged !== undefined) throw damage(path, damaged);
      if (line === "") continue;
      // Parsing costs most: an entry that does not even contain the id or rule is not parsed.
      if (query.id !== undefined && !line.includes(query.id)) continue;
      if (query.rule !== undefined && !line.includes(query.rule)) continue;
      const entry = parse(line);
      if (entry === undefined) damaged = number;
      else if (matches(entry, query)) yield entry;
    }
  }
}

/** The entry of one document, or undefined when no stage removed it. */
export async function findRemoval(paths: readonly string[], id: string): Promise<LedgerEntry | undefined> {
  for await (const entry of readLedger(paths, { id })) if (entry.part !== true) return entry;
  return undefined;
}

/** What one rule of one stage removed. */
export interface RuleSummary {
  stage: string;
  rule: string;
  documents: number;
  /** The first entries, in ledger order. */
  examples: LedgerEntry[];
}

/** Removals by stage and rule, the most frequent first (ties in order of names), with a few examples each. */
export async function summariseLedger(
  paths: readonly string[],
  query: LedgerQuery = {},
  examples = 3,
): Promise<RuleSummary[]> {
  const summaries = new Map<string, RuleSummary>();
  for await (const entry of readLedger(paths, query)) {
    const key = `${entry.stage}\n${entry.rule}`;
    let summary = summaries.get(key);
    if (summary === undefined) {
      summary = { stage: entry.stage, rule: entry.rule, documents: 0, examples: [] };
      summaries.set(key, summary);
    }
    summary.documents++;
    if (summary.examples.length < examples) summary.examples.push(entry);
  }
  return [...summaries].sort(([a, x], [b, y]) => y.documents - x.documents || (a < b ? -1 : 1)).map(([, s]) => s);
}

/**
 * One line for a person.
 *
 * @example describeRemoval(entry) // "filter removed it: min_words is 12, threshold 50"
 */
export function describeRemoval(entry: LedgerEntry): string {
  const value = entry.value === undefined ? "" : ` is ${round(entry.value)}`;
  const bound = entry.threshold === undefined ? "" : `, threshold ${round(entry.threshold)}`;
  const detail = entry.detail === undefined ? "" : ` (${entry.detail})`;
  return `${entry.stage} removed it: ${entry.rule}${value}${bound}${detail}`;
}

function round(x: number): string {
  return String(Math.round(x * 10_000) / 10_000);
}

function matches(entry: LedgerEntry, query: LedgerQuery): boolean {
  return (
    (query.stage === undefined || entry.stage === query.stage) &&
    (query.rule === undefined || entry.rule === query.rule) &&
    (query.id === undefined || entry.id === query.id)
  );
}

function parse(line: string): LedgerEntry | undefined {
  try {
    return entrySchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

function damage(path: string, line: number): NuwaError {
  return new NuwaError("DATA", "expected a ledger entry, found a damaged line", {
    where: `${path}:${line}`,
    hint: "run the data stages again",
  });
}
