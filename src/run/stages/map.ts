import { existsSync, mkdirSync } from "node:fs";
import * as path from "node:path";
import { NuwaError, type JsonValue } from "../../text/index.ts";
import { hashFile } from "../../io/hash.ts";
import { count } from "../progress.ts";
import type { RunDirectory } from "../manifest/run-directory.ts";
import { workOnShards } from "../executors/local.ts";
import type { MapperSpec } from "../shards/tasks.ts";
import { ShardFolder, type ShardInfo } from "../shards/shards.ts";
import type { Stage, StageContext, StageOutcome } from "./stage.ts";

export interface MapOptions {
  /** The user's files that the stage reads beside documents: lists, models. */
  readonly files?: readonly string[];
  /**
   * What must be known of all documents before the first is looked at: written to `file`, the same bytes for the same
   * documents and settings. Called again after an interruption only if the file is not there.
   */
  readonly prepare?: (from: ShardFolder, file: string, context: StageContext) => Promise<void>;
}

/** A stage that looks at one document at a time (extract, clean, filter): shard by shard, in worker threads. */
export function mapStage(directory: RunDirectory, mapper: MapperSpec, before: string, options: MapOptions = {}): Stage {
  const files = options.files ?? [];
  const from = new ShardFolder(directory.data(before));
  const to = new ShardFolder(directory.data(mapper.stage));
  return {
    name: mapper.stage,
    version: 1,
    settings: mapper.settings as unknown as Record<string, JsonValue>,
    after: [before],
    outside: async ({ cwd }): Promise<Record<string, string>> => {
      const inputs: Record<string, string> = {};
      for (const file of files) inputs[`file ${file}`] = hashInput(path.resolve(cwd, file), file);
      return inputs;
    },
    outputs: [to.folder],
    precious: false,
    isWhole: () => to.isWhole(),
    run: (context) => run(mapper, from, to, context, options),
  };
}

/** A small file of the user's by its content, so that touching it redoes nothing. */
function hashInput(file: string, name: string): string {
  try {
    return hashFile(file);
  } catch (cause) {
    throw new NuwaError("FILE", "expected a file that the recipe names; it cannot be read", { where: name, cause });
  }
}

async function run(
  mapper: MapperSpec,
  from: ShardFolder,
  to: ShardFolder,
  context: StageContext,
  { prepare }: MapOptions,
): Promise<StageOutcome> {
  const prepared = prepare === undefined ? undefined : path.join(to.folder, "prepared");
  if (prepare !== undefined && prepared !== undefined && !existsSync(prepared)) {
    mkdirSync(to.folder, { recursive: true });
    await prepare(from, prepared, context);
  }
  const shards = from.count() ?? 0;
  to.sweep();
  const infos = Array.from({ length: shards }, (_, shard) => to.info(shard));
  const before = Array.from({ length: shards }, (_, shard) => from.info(shard)?.documents ?? 0);
  const total = before.reduce((sum, documents) => sum + documents, 0);
  let done = 0;
  for (const [shard, info] of infos.entries()) if (info !== undefined) done += before[shard] ?? 0;
  const bar = context.progress.bar(mapper.stage, "documents", total);
  bar.update(done);
  const tasks = infos.flatMap((info, shard) =>
    info === undefined
      ? [{ kind: "map" as const, mapper, cwd: context.cwd, prepared, from: from.folder, to: to.folder, shard }]
      : [],
  );
  await workOnShards<"map">(tasks, {
    threads: context.threads,
    signal: context.signal,
    onDone: (info, { shard }) => {
      infos[shard] = info;
      done += before[shard] ?? 0;
      bar.update(done);
    },
  });
  const whole: ShardInfo[] = infos.filter((info) => info !== undefined);
  const { output, summary } = to.finish(mapper.stage, whole);
  bar.done(changeLine(summary.statistics));
  return { output, summary: { ...summary.statistics.out, changed: summary.statistics.changed } };
}

/** `8,123 → 7,950 documents, 12.3M → 11.9M characters`. */
export function changeLine(statistics: {
  readonly in: { documents: number; characters: number };
  readonly out: { documents: number; characters: number };
}): string {
  const { in: before, out: after } = statistics;
  return (
    `${count(before.documents)} → ${count(after.documents)} documents, ` +
    `${count(before.characters)} → ${count(after.characters)} characters`
  );
}
