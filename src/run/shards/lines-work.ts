import { LineWorker, type RepeatedUnit } from "../../data/dedup/lines/index.ts";
import type { Verdict } from "../../data/stage.ts";
import type { Document } from "../../text/index.ts";
import { readShard, writeVerdicts } from "./documents.ts";
import type { LineCutTask, LineKeysTask } from "./tasks.ts";
import { writeWords } from "./words.ts";
import { ShardFolder, type ShardInfo } from "./shards.ts";

/** One shard's part of paragraph and line deduplication. */
export function workOnLines(task: LineKeysTask | LineCutTask): ShardInfo | undefined {
  const worker = new LineWorker(task.settings);
  const documents = readShard(task.from, task.shard);
  if (task.kind === "line-keys") return writeWords(task.file, worker.keys(documents));
  const byPlace = new Map<number, RepeatedUnit[]>();
  for (let at = 0; at < task.repeated.length; at += 4) {
    const [place = 0, high = 0, low = 0, first = 0] = task.repeated.subarray(at, at + 4);
    const known = byPlace.get(place);
    if (known === undefined) byPlace.set(place, [{ high, low, first }]);
    else known.push({ high, low, first });
  }
  const nameOf = (document: number): string => task.ids[document] ?? "";
  const verdicts = documents.map((document, place): [Document, Verdict] => [
    document,
    worker.verdict(document, byPlace.get(place) ?? [], nameOf),
  ]);
  return writeVerdicts("lines", new ShardFolder(task.to), task.shard, verdicts);
}
