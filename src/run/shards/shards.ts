import { createReadStream, existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import * as path from "node:path";
import { createInterface } from "node:readline";
import * as z from "zod";
import {
  emptyStatistics,
  mergeStatistics,
  type LedgerEntry,
  type Problem,
  type StageStatistics,
} from "../../data/stage.ts";
import type { Document, JsonValue } from "../../text/index.ts";
import { NuwaError } from "../../text/index.ts";
import { hashBytes, hashValue } from "../../io/hash.ts";
import { readJson } from "../../io/json.ts";
import { writeWhole } from "../../io/whole-file.ts";
import { COMPRESSED, compress, readDocuments } from "./shard-files.ts";

/**
 * A data stage's folder: `shard-00000.jsonl.br` with its documents, `ledger-00000.jsonl` with what it removed, and
 * `shard-00000.json`, written last, whose presence says that the shard is whole. Shards are cut by the size of the
 * text alone, so neither the number of workers nor an interruption changes a byte of them. Released versions wrote
 * shards without compression, and these are read as well.
 */
export class ShardFolder {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** The file with a shard's documents: compressed, unless a released version wrote it. */
  documents(shard: number): string {
    const plain = this.#plain(shard);
    const compressed = `${plain}${COMPRESSED}`;
    return existsSync(plain) && !existsSync(compressed) ? plain : compressed;
  }
  #plain(shard: number): string {
    return path.join(this.folder, `shard-${number(shard)}.jsonl`);
  }
  ledger(shard: number): string {
    return path.join(this.folder, `ledger-${number(shard)}.jsonl`);
  }
  mark(shard: number): string {
    return path.join(this.folder, `shard-${number(shard)}.json`);
  }
  /** Its presence says that the documents of a finished stage were deleted on purpose. */
  get #releasedMark(): string {
    return path.join(this.folder, "released.json");
  }
  get statisticsFile(): string {
    return path.join(this.folder, "statistics.json");
  }

  /** What is known of a whole shard; undefined when it is not whole. */
  info(shard: number): ShardInfo | undefined {
    const parsed = shardInfo.safeParse(readJson(this.mark(shard)));
    if (!parsed.success) return undefined;
    const { stored_bytes: size = parsed.data.bytes } = parsed.data;
    return this.isReleased || sizeOf(this.documents(shard)) === size ? parsed.data : undefined;
  }

  /** Writes one shard, its mark last. Called again after a kill, it writes the same bytes. */
  write(shard: number, documents: readonly Document[], result: ShardResult): ShardInfo {
    mkdirSync(this.folder, { recursive: true });
    const text = Buffer.from(documents.map((document) => `${JSON.stringify(document)}\n`).join(""), "utf8");
    const compressed = compress(text);
    const ledger = result.removed.map((entry) => `${JSON.stringify(entry)}\n`).join("");
    if (ledger !== "") writeWhole(this.ledger(shard), ledger);
    writeWhole(`${this.#plain(shard)}${COMPRESSED}`, compressed);
    rmSync(this.#plain(shard), { force: true });
    const info: ShardInfo = {
      documents: documents.length,
      bytes: text.length,
      stored_bytes: compressed.length,
      // Of the text: how it is compressed changes nothing for those who read it.
      sha256: hashBytes(text),
      // Time is no part of the result: it would make two runs differ.
      statistics: { ...result.statistics, microseconds: 0 },
      problems: [...result.problems],
    };
    writeWhole(this.mark(shard), `${JSON.stringify(info)}\n`);
    return info;
  }

  /** Deletes what a killed process left half written, and shards from `from` on (of an earlier, longer attempt). */
  sweep(from = Number.POSITIVE_INFINITY): void {
    if (!existsSync(this.folder)) return;
    for (const name of readdirSync(this.folder)) {
      const shard = Number(/^(?:shard|ledger)-(\d+)\./.exec(name)?.[1] ?? -1);
      if (name.endsWith(".tmp") || shard >= from) rmSync(path.join(this.folder, name), { force: true });
    }
  }

  /** How many shards the finished stage has, by its statistics; undefined while it is not finished. */
  count(): number | undefined {
    return this.summary()?.shards;
  }

  /** The statistics of the finished stage. */
  summary(): StageSummary | undefined {
    const parsed = stageSummary.safeParse(readJson(this.statisticsFile));
    return parsed.success ? parsed.data : undefined;
  }

  /** Adds up the shards and writes `statistics.json`; gives the hash of all documents. */
  finish(stage: string, infos: readonly ShardInfo[]): { output: string; summary: StageSummary } {
    const summary: StageSummary = {
      shards: infos.length,
      statistics: infos.reduce((sum, info) => mergeStatistics(sum, info.statistics), emptyStatistics(stage)),
      problems: infos.flatMap((info) => info.problems),
    };
    writeWhole(this.statisticsFile, `${JSON.stringify(summary, null, 2)}\n`);
    return { output: hashValue(infos.map((info) => info.sha256)), summary };
  }

  /** Whether the stage is finished, its documents being there or deleted on purpose. */
  isWhole(): boolean {
    const shards = this.count();
    return (
      shards !== undefined && Array.from({ length: shards }, (_, n) => this.info(n)).every((info) => info !== undefined)
    );
  }

  /** Whether the documents were deleted once they had been read. */
  get isReleased(): boolean {
    return existsSync(this.#releasedMark);
  }

  /**
   * Deletes the documents of a finished stage, and keeps what was removed and all figures. Killed in between, it is
   * finished by another call.
   */
  release(): void {
    if (!this.isReleased) writeWhole(this.#releasedMark, "{}\n");
    for (let shard = 0; shard < (this.count() ?? 0); shard++) rmSync(this.documents(shard), { force: true });
  }

  /** All documents of a finished stage, in order; none where they were deleted. Memory holds one shard. */
  async *read(): AsyncGenerator<Document> {
    const shards = this.isReleased ? 0 : (this.count() ?? 0);
    for (let shard = 0; shard < shards; shard++) yield* readDocuments(this.documents(shard));
  }

  /** Everything the stage removed, in order. */
  async *readLedger(): AsyncGenerator<LedgerEntry> {
    const shards = this.count() ?? 0;
    for (let shard = 0; shard < shards; shard++) {
      if (existsSync(this.ledger(shard))) yield* readJsonLines<LedgerEntry>(this.ledger(shard));
    }
  }
}

/** What a stage made of one shard, beside its documents. */
export interface ShardResult {
  readonly removed: readonly LedgerEntry[];
  readonly statistics: StageStatistics;
  readonly problems: readonly Problem[];
}

export interface ShardInfo {
  readonly documents: number;
  /** Of text, as JSON lines. */
  readonly bytes: number;
  /** On the disk; left out by released versions, which did not compress. */
  readonly stored_bytes?: number | undefined;
  readonly sha256: string;
  readonly statistics: StageStatistics;
  readonly problems: readonly Problem[];
}

export interface StageSummary {
  readonly shards: number;
  readonly statistics: StageStatistics;
  readonly problems: readonly Problem[];
}

const amount = { documents: z.number(), characters: z.number(), bytes: z.number() };
const statistics = z.object({
  stage: z.string(),
  in: z.object(amount),
  out: z.object(amount),
  changed: z.number(),
  removed: z.record(
    z.string(),
    z.object({ ...amount, smallest: z.number().nullable(), largest: z.number().nullable() }),
  ),
  parts: z.record(z.string(), z.object({ documents: z.number(), parts: z.number() })).optional(),
  languages: z.record(z.string(), z.object(amount)),
  lengths: z.array(z.number()),
  microseconds: z.number(),
});
const problems = z.array(z.object({ where: z.string(), message: z.string() }));
const shardInfo = z.object({
  documents: z.number(),
  bytes: z.number(),
  stored_bytes: z.number().optional(),
  sha256: z.string(),
  statistics,
  problems,
});
const stageSummary = z.object({ shards: z.number(), statistics, problems });

function sizeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size;
}

function number(shard: number): string {
  return String(shard).padStart(5, "0");
}

/**
 * Values of a JSON-lines file that we wrote ourselves, one at a time.
 * @throws NuwaError FILE where a line is not JSON: somebody changed the file
 */
export async function* readJsonLines<T>(file: string): AsyncGenerator<T> {
  const stream = createReadStream(file, { encoding: "utf8", highWaterMark: 1 << 20 });
  let line = 0;
  for await (const text of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (text === "") continue;
    let value: JsonValue;
    try {
      value = JSON.parse(text) as JsonValue;
    } catch (cause) {
      throw new NuwaError("FILE", "damaged: not a line of JSON", {
        where: `${file}:${line}`,
        hint: "delete the folder it is in; the run makes it again",
        cause,
      });
    }
    yield value as T;
  }
}
