import { existsSync, mkdirSync, rmSync } from "node:fs";
import * as path from "node:path";
import { ExternalSorter } from "../../data/dedup/documents/index.ts";
import { addRepeatedUnits, linesSettings, type LinesSettings } from "../../data/dedup/lines/index.ts";
import { toJson } from "../../text/index.ts";
import { workOnShards } from "../executors/local.ts";
import type { LineCutTask, LineKeysTask } from "../shards/tasks.ts";
import { Names, readWords, Starts } from "../shards/words.ts";
import { ShardFolder, type ShardInfo } from "../shards/shards.ts";
import { DEFAULT_MEMORY, stopIfAborted, type StageContext, type StageOutcome } from "./stage.ts";
import { changeLine } from "./map.ts";
import { defineRecipeStage } from "./recipe-stage.ts";

/**
 * Removes paragraphs and lines that many documents share: hashes of every shard to disk, a sort that finds the repeated
 * ones, a sort that brings these into the order of documents, and each shard written without them.
 */
export const linesStage = defineRecipeStage({
  name: "lines",
  group: "data",
  summary: "Remove paragraphs and lines that many documents share.",
  schema: linesSettings.unwrap(),
  writesDocuments: true,
  create: (settings, { directory, documents }) => {
    const from = new ShardFolder(directory.data(documents()));
    const to = new ShardFolder(directory.data("lines"));
    return {
      name: "lines",
      version: 1,
      settings: toJson(settings),
      after: [documents()],
      outputs: [to.folder],
      precious: false,
      isWhole: () => to.isWhole(),
      run: (context) => run(settings, from, to, context),
    };
  },
});

async function run(
  settings: LinesSettings,
  from: ShardFolder,
  to: ShardFolder,
  context: StageContext,
): Promise<StageOutcome> {
  const { progress, signal, threads } = context;
  const starts = new Starts(from);
  to.sweep();
  const infos = Array.from({ length: starts.shards }, (_, shard) => to.info(shard));
  const bar = progress.bar("lines", "documents", starts.of(starts.shards));
  const work = path.join(to.folder, "work");
  if (infos.includes(undefined)) {
    mkdirSync(work, { recursive: true });
    rmSync(path.join(work, "runs"), { recursive: true, force: true });
    const files = infos.map((_, shard) => path.join(work, `keys-${shard}.bin`));
    const keysTasks = files.flatMap((file, shard): LineKeysTask[] =>
      existsSync(file) ? [] : [{ kind: "line-keys", settings, from: from.folder, shard, file }],
    );
    await workOnShards<"line-keys">(keysTasks, {
      threads,
      signal,
      onDone: (_, { shard }) => bar.update(starts.of(shard), "hashing"),
    });
    const memoryBytes = (context.memoryBytes ?? DEFAULT_MEMORY) / 3;
    const keys = new ExternalSorter({ folder: path.join(work, "runs", "keys"), memoryBytes });
    const byDocument = new ExternalSorter({ folder: path.join(work, "runs", "documents"), memoryBytes });
    try {
      for (const [shard, file] of files.entries()) {
        const first = starts.of(shard);
        const triples = readWords(file);
        for (let at = 0; at < triples.length; at += 3) {
          keys.add(triples[at] ?? 0, triples[at + 1] ?? 0, first + (triples[at + 2] ?? 0));
        }
        bar.update(first, "sorting");
        await new Promise((resolve) => setImmediate(resolve));
        stopIfAborted(signal);
      }
      addRepeatedUnits(byDocument, keys, settings);
      keys.close();
      await workOnShards<"line-cut">(cutTasks(byDocument, starts, infos, settings, from, to), {
        threads,
        signal,
        onDone: (info, { shard }) => {
          infos[shard] = info;
          bar.update(starts.of(shard), "writing");
        },
      });
    } finally {
      keys.close();
      byDocument.close();
    }
  }
  rmSync(work, { recursive: true, force: true });
  const whole: ShardInfo[] = infos.filter((info) => info !== undefined);
  const { output, summary } = to.finish("lines", whole);
  bar.done(changeLine(summary.statistics));
  return { output, summary: { ...summary.statistics.out, changed: summary.statistics.changed } };
}

/** Made as they are taken, so that memory holds what is repeated in a few shards. */
function* cutTasks(
  byDocument: ExternalSorter,
  starts: Starts,
  infos: readonly (ShardInfo | undefined)[],
  settings: LinesSettings,
  from: ShardFolder,
  to: ShardFolder,
): Generator<LineCutTask> {
  const names = new Names(from, starts);
  for (const [shard, rows] of starts.byShard(byDocument.sorted(), [1, 2])) {
    if (infos[shard] !== undefined) continue;
    const repeated: number[] = [];
    const ids: Record<number, string> = {};
    for (let at = 0; at < rows.length; at += 6) {
      const [place = 0, high = 0, low = 0, , , first = 0] = rows.subarray(at, at + 6);
      repeated.push(place, high, low, first);
      ids[first] ??= names.of(first);
    }
    const folders = { from: from.folder, to: to.folder };
    yield { kind: "line-cut", settings, ...folders, shard, repeated: Uint32Array.from(repeated), ids };
  }
}
