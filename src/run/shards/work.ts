import { readFileSync } from "node:fs";
import { createClean } from "../../data/clean/normalize/index.ts";
import { createSigner, encodeSignatures } from "../../data/dedup/documents/index.ts";
import { createExtract } from "../../data/clean/extract/index.ts";
import type { BiasCounts } from "../../data/judge/bias/bias.ts";
import { mapBatch, type DocumentMapper, type Verdict } from "../../data/stage.ts";
import { countCharacters, type Document } from "../../text/index.ts";
import { writeWhole } from "../../io/whole-file.ts";
import { readShard, writeVerdicts } from "./documents.ts";
import { ShardFolder, type ShardInfo } from "./shards.ts";
import type { DropTask, MapperSpec, MapTask, SignTask, Task, Work } from "./tasks.ts";

const mappers = new Map<string, Promise<DocumentMapper>>();

/**
 * Preparing a mapper can be slow, so a worker keeps it from shard to shard. The filter's language tables take 80 MB and
 * are loaded only by those who filter.
 */
function mapperFor({ mapper: spec, cwd, prepared }: MapTask): Promise<DocumentMapper> {
  const key = JSON.stringify([spec, cwd, prepared]);
  const known = mappers.get(key);
  if (known !== undefined) return known;
  const made = make(spec, cwd, prepared);
  mappers.set(key, made);
  return made;
}

async function make(spec: MapperSpec, cwd: string, prepared: string | undefined): Promise<DocumentMapper> {
  switch (spec.stage) {
    case "extract":
      return createExtract(spec.settings);
    case "clean":
      return createClean(spec.settings);
    case "filter":
      return (await import("../../data/judge/filter/index.ts")).createFilter(spec.settings, cwd);
    case "spelling": {
      const { createSpelling, readCounts } = await import("../../data/clean/spelling/index.ts");
      const { frequencies } = spec.settings;
      const files = prepared === undefined ? frequencies : [prepared];
      return createSpelling(spec.settings, readCounts(files, cwd), cwd);
    }
    case "bias": {
      const counts = JSON.parse(readFileSync(prepared ?? "", "utf8")) as BiasCounts;
      return (await import("../../data/judge/bias/index.ts")).createBias(spec.settings, counts);
    }
    case "harm":
      return (await import("../../data/judge/harm/index.ts")).createHarm(spec.settings, cwd);
    case "perplexity": {
      const { createPerplexity, readNgramModel } = await import("../../data/judge/perplexity/index.ts");
      return createPerplexity(spec.settings, readNgramModel(prepared ?? spec.settings.model ?? "", cwd));
    }
    case "decontaminate":
      return (await import("../../data/judge/decontaminate/index.ts")).createDecontaminate(spec.settings, cwd);
    case "privacy":
      return (await import("../../data/clean/privacy/index.ts")).createPrivacy(spec.settings);
  }
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
