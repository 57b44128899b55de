import { readFileSync } from "node:fs";
import { createClean, type CleanSettings } from "../data/clean/index.ts";
import { createExtract, type ExtractSettings } from "../data/extract/index.ts";
import { createFilter, type FilterSettings } from "../data/filter/index.ts";
import { mapBatch, type DocumentMapper } from "../data/stage.ts";
import type { Document } from "../text/index.ts";
import { ShardFolder, type ShardInfo } from "./shards.ts";

/** Stages that look at one document at a time, with their settings. */
export type MapperSpec =
  | { readonly stage: "extract"; readonly settings: ExtractSettings }
  | { readonly stage: "clean"; readonly settings: CleanSettings }
  | { readonly stage: "filter"; readonly settings: FilterSettings };

/** One shard's work, as plain data for a worker. */
export interface ShardTask {
  readonly mapper: MapperSpec;
  readonly from: string;
  readonly to: string;
  readonly shard: number;
}

const prepared = new Map<string, Promise<DocumentMapper>>();

/** Preparing a mapper can be slow (language models are loaded), so a worker keeps it from shard to shard. */
function mapperFor(spec: MapperSpec): Promise<DocumentMapper> {
  const key = JSON.stringify(spec);
  const known = prepared.get(key);
  if (known !== undefined) return known;
  const made = make(spec);
  prepared.set(key, made);
  return made;
}

async function make(spec: MapperSpec): Promise<DocumentMapper> {
  switch (spec.stage) {
    case "extract":
      return createExtract(spec.settings);
    case "clean":
      return createClean(spec.settings);
    case "filter":
      return createFilter(spec.settings);
  }
}

/** Reads one shard, maps every document, writes the same shard of the next stage. */
export async function workOnShard(task: ShardTask): Promise<ShardInfo> {
  const mapper = await mapperFor(task.mapper);
  const text = readFileSync(new ShardFolder(task.from).documents(task.shard), "utf8");
  const documents = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Document);
  const { kept, removed, statistics } = mapBatch(mapper, documents);
  return new ShardFolder(task.to).write(task.shard, kept, { removed, statistics, problems: [] });
}
