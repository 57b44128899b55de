import { existsSync, mkdirSync, rmSync } from "node:fs";
import * as path from "node:path";
import {
  dedupSettings,
  dropOf,
  ExternalSorter,
  resolveDuplicates,
  SignatureFiles,
  type DedupDrop,
  type DedupSettings,
  type Resolution,
} from "../../data/dedup/documents/index.ts";
import { toJson } from "../../text/index.ts";
import { workOnShards } from "../executors/local.ts";
import type { DropTask, SignTask } from "../shards/tasks.ts";
import { ShardFolder, type ShardInfo } from "../shards/shards.ts";
import { DEFAULT_MEMORY, stopIfAborted, type StageContext, type StageOutcome } from "./stage.ts";
import { changeLine } from "./map.ts";
import { defineRecipeStage } from "./recipe-stage.ts";

/**
 * Deduplication of whole documents over the corpus, in two passes: signatures of every shard to disk, in worker
 * threads; then, once it is known what goes, each shard written without it. Memory holds some 20 bytes a document and
 * what the recipe's `memory_mb` allows for sorting.
 */
export const dedupStage = defineRecipeStage({
  name: "dedup",
  group: "data",
  summary: "Drop copies and near copies.",
  schema: dedupSettings.unwrap(),
  writesDocuments: true,
  create: (settings, { directory, documents }) => {
    const from = new ShardFolder(directory.data(documents()));
    const to = new ShardFolder(directory.data("dedup"));
    return {
      name: "dedup",
      version: 2,
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
  settings: DedupSettings,
  from: ShardFolder,
  to: ShardFolder,
  context: StageContext,
): Promise<StageOutcome> {
  const { progress, signal, threads } = context;
  const shards = from.count() ?? 0;
  to.sweep();
  const infos: (ShardInfo | undefined)[] = Array.from({ length: shards }, (_, shard) => to.info(shard));
  const bar = progress.bar("dedup", "documents", from.summary()?.statistics.out.documents ?? 0);
  // Beside the shards until the last one is written, so that an interruption costs only what was in hand.
  const work = path.join(to.folder, "work");
  if (infos.includes(undefined)) {
    const files = Array.from({ length: shards }, (_, shard) => path.join(work, `signatures-${shard}.bin`));
    mkdirSync(work, { recursive: true });
    let done = 0;
    const unsigned = files.flatMap((file, shard): SignTask[] =>
      existsSync(file) ? [] : [{ kind: "sign", settings, from: from.folder, shard, file }],
    );
    await workOnShards<"sign">(unsigned, {
      threads,
      signal,
      onDone: (documents) => {
        done += documents;
        bar.update(done);
      },
    });
    const memory = context.memoryBytes ?? DEFAULT_MEMORY;
    const signatures = new SignatureFiles(files, memory / 2);
    try {
      const makeSorter = (): ExternalSorter =>
        new ExternalSorter({ folder: path.join(work, "runs"), memoryBytes: memory / 2 });
      rmSync(path.join(work, "runs"), { recursive: true, force: true });
      const resolution = await inSteps(resolveDuplicates(signatures, settings, makeSorter), context, (share) =>
        bar.update(done, `comparing, ${Math.round(100 * share)}%`),
      );
      const tasks = dropTasks(infos, resolution, signatures, settings, { from, to });
      await workOnShards<"drop">(tasks, {
        threads,
        signal,
        onDone: (info, { shard }) => {
          infos[shard] = info;
        },
      });
    } finally {
      signatures.close();
    }
  }
  rmSync(work, { recursive: true, force: true });
  const { output, summary } = to.finish(
    "dedup",
    infos.filter((info) => info !== undefined),
  );
  bar.done(changeLine(summary.statistics));
  return { output, summary: { ...summary.statistics.out } };
}

/** Made one by one as they are taken: the reasons of a whole corpus are not in memory at once. */
function* dropTasks(
  infos: readonly (ShardInfo | undefined)[],
  resolution: Resolution,
  signatures: SignatureFiles,
  settings: DedupSettings,
  { from, to }: { from: ShardFolder; to: ShardFolder },
): Generator<DropTask> {
  let document = 0;
  for (const [shard, info] of infos.entries()) {
    const documents = from.info(shard)?.documents ?? 0;
    const drops: [number, DedupDrop][] = [];
    for (let place = 0; info === undefined && place < documents; place++) {
      const drop = dropOf(document + place, resolution, signatures, settings);
      if (drop !== undefined) drops.push([place, drop]);
    }
    document += documents;
    if (info === undefined) yield { kind: "drop", stage: "dedup", from: from.folder, to: to.folder, shard, drops };
  }
}

/**
 * Runs a generator to its end, giving Ctrl-C and the progress bar their turn between its steps.
 * @throws Interrupted after an abort
 */
export async function inSteps<T>(
  steps: Generator<number, T>,
  { signal }: StageContext,
  onStep: (share: number) => void,
): Promise<T> {
  try {
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done === true) return step.value;
      onStep(step.value);
      await new Promise((resolve) => setImmediate(resolve));
      stopIfAborted(signal);
    }
  } finally {
    // Lets it close its files when it is left early.
    steps.return(undefined as T);
  }
}
