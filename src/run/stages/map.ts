import { existsSync, mkdirSync } from "node:fs";
import * as path from "node:path";
import type { MapperStage } from "../../data/define-stage.ts";
import type { Document, JsonValue } from "../../text/index.ts";
import type { MapTask } from "../shards/tasks.ts";
import type { ShardFolder } from "../shards/shards.ts";
import type { RecipeStage } from "./recipe-stage.ts";
import { stopIfAborted } from "../interrupted.ts";
import { finishShards, shardedStage, type ShardedWork } from "./sharded.ts";
import type { StageContext, StageOutcome } from "./stage.ts";

/** The list's entry of a stage that maps one document at a time: shard by shard, in worker threads. */
export function mapperStage(definition: MapperStage): RecipeStage {
  return shardedStage(definition, (job) => run(definition, job));
}

async function run(definition: MapperStage, { settings, from, to, context }: ShardedWork): Promise<StageOutcome> {
  const { name, module } = definition;
  const prepared = await prepare(definition, settings, from, to, context);
  const shards = from.count() ?? 0;
  to.sweep();
  const infos = Array.from({ length: shards }, (_, shard) => to.info(shard));
  const before = Array.from({ length: shards }, (_, shard) => from.info(shard)?.documents ?? 0);
  const total = before.reduce((sum, documents) => sum + documents, 0);
  let done = 0;
  for (const [shard, info] of infos.entries()) if (info !== undefined) done += before[shard] ?? 0;
  const bar = context.progress.bar(name, "documents", total);
  bar.update(done);
  const shared = { kind: "map", stage: { name, module }, settings, cwd: context.cwd, prepared } as const;
  const tasks = infos.flatMap((info, shard): MapTask[] =>
    info === undefined ? [{ ...shared, from: from.folder, to: to.folder, shard }] : [],
  );
  await context.executor.run(tasks, {
    signal: context.signal,
    onDone: ({ shard }) => {
      infos[shard] = to.info(shard);
      done += before[shard] ?? 0;
      bar.update(done);
    },
  });
  return finishShards(name, to, infos, bar);
}

/** @returns the file that the stage's preparation wrote, now or before an interruption; undefined where there is none */
async function prepare(
  definition: MapperStage,
  settings: JsonValue,
  from: ShardFolder,
  to: ShardFolder,
  { cwd, signal }: StageContext,
): Promise<string | undefined> {
  const preparation = definition.prepare(settings);
  if (preparation === undefined) return undefined;
  const file = path.join(to.folder, "prepared");
  if (existsSync(file)) return file;
  mkdirSync(to.folder, { recursive: true });
  await preparation({ documents: stoppable(from.read(), signal), file, cwd });
  return file;
}

/** Documents as they come, until Ctrl-C. @throws Interrupted after an abort */
async function* stoppable(documents: AsyncIterable<Document>, signal: AbortSignal): AsyncGenerator<Document> {
  let read = 0;
  for await (const document of documents) {
    if (++read % 64 === 0) stopIfAborted(signal);
    yield document;
  }
}
