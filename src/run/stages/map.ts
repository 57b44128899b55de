import { existsSync, mkdirSync } from "node:fs";
import * as path from "node:path";
import type { MapperStage } from "../../data/define-stage.ts";
import { NuwaError, toJson, type Document, type JsonValue } from "../../text/index.ts";
import { hashFile } from "../../io/hash.ts";
import { count } from "../progress.ts";
import type { MapTask } from "../shards/tasks.ts";
import { ShardFolder, type ShardInfo } from "../shards/shards.ts";
import { defineRecipeStage, type RecipeStage } from "./recipe-stage.ts";
import { stopIfAborted } from "../interrupted.ts";
import type { Stage, StageContext, StageOutcome } from "./stage.ts";

/** The list's entry of a stage that maps one document at a time: shard by shard, in worker threads. */
export function mapperStage(definition: MapperStage): RecipeStage {
  const { name, version, summary, schema, after, figures, inherits = [] } = definition;
  return defineRecipeStage({
    name,
    group: "data",
    summary,
    schema,
    inherits,
    writesDocuments: true,
    ...(after === undefined ? {} : { after }),
    figures,
    create: (settings, { directory, documents }): Stage => {
      const before = documents();
      const from = new ShardFolder(directory.data(before));
      const to = new ShardFolder(directory.data(name));
      const json = toJson(settings);
      return {
        name,
        version,
        settings: json,
        after: [before],
        outside: async ({ cwd }) => hashInputs(definition.files(settings), cwd),
        outputs: [to.folder],
        shards: to,
        precious: false,
        isWhole: () => to.isWhole(),
        run: (context) => run(definition, json, from, to, context),
      };
    },
  });
}

/** Small files of the user's by their content, so that touching one redoes nothing. */
export function hashInputs(files: readonly string[], cwd: string): Record<string, string> {
  return Object.fromEntries(files.map((file) => [`file ${file}`, hashInput(path.resolve(cwd, file), file)]));
}

function hashInput(file: string, name: string): string {
  try {
    return hashFile(file);
  } catch (cause) {
    throw new NuwaError("FILE", "expected a file that the recipe names; it cannot be read", { where: name, cause });
  }
}

async function run(
  definition: MapperStage,
  settings: JsonValue,
  from: ShardFolder,
  to: ShardFolder,
  context: StageContext,
): Promise<StageOutcome> {
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
  const whole: ShardInfo[] = infos.filter((info) => info !== undefined);
  const { output, summary } = to.finish(name, whole);
  bar.done(changeLine(summary.statistics));
  return { output, summary: { ...summary.statistics.out, changed: summary.statistics.changed } };
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
