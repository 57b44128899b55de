import { createSigner, encodeSignatures } from "../../data/dedup/documents/index.ts";
import { mapBatch, type DocumentMapper, type Verdict } from "../../data/stage.ts";
import { countCharacters, type Document } from "../../text/index.ts";
import { writeWhole } from "../../io/whole-file.ts";
import { readShard, writeVerdicts } from "./documents.ts";
import { ShardFolder, type ShardInfo } from "./shards.ts";
import { findStage } from "./find-stage.ts";
import type { DropTask, MapTask, SignTask, Task, Work } from "./tasks.ts";

const mappers = new Map<string, Promise<DocumentMapper>>();

/** Preparing a mapper can be slow, so a worker keeps it from shard to shard. */
function mapperFor({ stage, settings, cwd, prepared }: MapTask): Promise<DocumentMapper> {
  const key = JSON.stringify([stage, settings, cwd, prepared]);
  const known = mappers.get(key);
  if (known !== undefined) return known;
  const made = findStage(stage).then(({ load }) => load(settings, { cwd, prepared }));
  mappers.set(key, made);
  return made;
}

/** Does one piece of work on one shard. */
export async function workOnShard(task: Task): Promise<Work[keyof Work]["answer"]> {
  switch (task.kind) {
    case "map":
      return map(task);
    case "sign":
      return sign(task);
    case "drop":
      return drop(task);
    case "keys":
    case "gather":
    case "find":
    case "cut":
      return (await import("./substring-work.ts")).workOnPassages(task);
    case "line-keys":
    case "line-cut":
      return (await import("./lines-work.ts")).workOnLines(task);
  }
}

async function map(task: MapTask): Promise<ShardInfo> {
  const documents = readShard(task.from, task.shard);
  const mapper = await mapperFor(task);
  const { kept, removed, statistics } = mapBatch(mapper, documents);
  return new ShardFolder(task.to).write(task.shard, kept, { removed, statistics, problems: [] });
}

function sign({ settings, from, shard, file }: SignTask): number {
  const signer = createSigner(settings);
  const signed = readShard(from, shard).map((document) => ({
    id: document.id,
    length: countCharacters(document.text),
    signature: signer.signature(document),
  }));
  writeWhole(file, encodeSignatures(signed));
  return signed.length;
}

function drop({ stage, from, to, shard, drops }: DropTask): ShardInfo {
  const byPlace = new Map(drops);
  const verdicts = readShard(from, shard).map((document, place): [Document, Verdict] => {
    const reason = byPlace.get(place);
    return [document, reason === undefined ? { keep: document } : { drop: reason }];
  });
  return writeVerdicts(stage, new ShardFolder(to), shard, verdicts);
}
