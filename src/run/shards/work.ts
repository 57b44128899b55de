import type { CorpusWork } from "../../data/define-corpus-stage.ts";
import { mapBatch, type DocumentMapper } from "../../data/stage.ts";
import { writeWhole } from "../../io/whole-file.ts";
import { readShard, writeVerdicts } from "./documents.ts";
import { findStage } from "./find-stage.ts";
import { ShardFolder } from "./shards.ts";
import type { MapTask, PartTask, StageReference, Task, VerdictTask } from "./tasks.ts";

/** Does one task. */
export async function work(task: Task): Promise<void> {
  switch (task.kind) {
    case "map":
      return map(task);
    case "part":
      return part(task);
    case "verdicts":
      return verdicts(task);
  }
}

const mappers = new Map<string, Promise<DocumentMapper>>();

/** Preparing a mapper can be slow, so a worker keeps it from shard to shard. */
function mapperFor({ stage, settings, cwd, prepared }: MapTask): Promise<DocumentMapper> {
  const key = JSON.stringify([stage, settings, cwd, prepared]);
  const known = mappers.get(key);
  if (known !== undefined) return known;
  const made = loadMapper(stage, settings, { cwd, prepared });
  mappers.set(key, made);
  return made;
}

async function loadMapper(
  reference: StageReference,
  settings: MapTask["settings"],
  context: Pick<MapTask, "cwd" | "prepared">,
): Promise<DocumentMapper> {
  const stage = await findStage(reference);
  if (stage.kind !== "mapper") throw new TypeError(`"${stage.name}" maps no documents`);
  return stage.load(settings, context);
}

async function map(task: MapTask): Promise<void> {
  const mapper = await mapperFor(task);
  const { kept, removed, statistics } = mapBatch(mapper, readShard(task.from, task.shard));
  new ShardFolder(task.to).write(task.shard, kept, { removed, statistics, problems: [] });
}

async function corpusWork(reference: StageReference): Promise<CorpusWork<unknown>> {
  const stage = await findStage(reference);
  if (stage.kind !== "corpus") throw new TypeError(`"${stage.name}" is no corpus-wide stage`);
  return stage.load();
}

async function part({ stage, settings, round: name, from, shard, input, file }: PartTask): Promise<void> {
  const { rounds } = await corpusWork(stage);
  const round = rounds.find((one) => one.name === name);
  if (round === undefined) throw new TypeError(`"${stage.name}" has no round "${name}"`);
  const documents = () => (shard === undefined ? [] : readShard(from, shard));
  writeWhole(file, round.part(settings, { documents, input }));
}

async function verdicts({ stage, settings, from, to, shard, input }: VerdictTask): Promise<void> {
  const { last } = await corpusWork(stage);
  const documents = readShard(from, shard);
  writeVerdicts(stage.name, new ShardFolder(to), shard, documents, last.verdicts(settings, documents, input));
}
