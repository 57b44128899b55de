import { findPassages, firstWindows, PassageWorker, SECTIONS, type Passage } from "../../data/dedup/substring/index.ts";
import type { Document } from "../../text/index.ts";
import type { Verdict } from "../../data/stage.ts";
import { readShard, writeVerdicts } from "./documents.ts";
import type { CutTask, FindTask, GatherTask, KeysTask } from "./tasks.ts";
import { ShardFolder, type ShardInfo } from "./shards.ts";
import { readWords, writeWords } from "./words.ts";

/** One shard's, or one block's, part of substring deduplication. */
export function workOnPassages(task: KeysTask | GatherTask | FindTask | CutTask): ShardInfo | undefined {
  switch (task.kind) {
    case "keys":
      return writeWords(task.file, new PassageWorker(task.settings).keys(readShard(task.from, task.shard)));
    case "gather": {
      const documents = task.wanted.length === 0 ? [] : readShard(task.from, task.shard);
      return writeWords(task.file, new PassageWorker(task.settings).gather(documents, task.wanted));
    }
    case "find":
      return find(task);
    case "cut":
      return cut(task);
  }
}

function find({ width, files, firsts, sections: [from, to], file }: FindTask): undefined {
  const shards = files.map((name) => {
    const ends = readWords(name, 0, SECTIONS);
    const begin = from === 0 ? SECTIONS : (ends[from - 1] ?? 0);
    return { ends, begin, words: readWords(name, begin, (ends[to - 1] ?? 0) - begin) };
  });
  const found: Uint32Array[] = [];
  // A section is a block of its own: the smaller its suffix array, the more of it is in the processor's caches.
  for (let section = from; section < to; section++) {
    const parts = shards.map(({ ends, begin, words }, shard) => {
      const start = section === from ? begin : (ends[section - 1] ?? 0);
      return { first: firsts[shard] ?? 0, words: words.subarray(start - begin, (ends[section] ?? 0) - begin) };
    });
    found.push(findPassages(parts, width, firstWindows));
  }
  const all = new Uint32Array(found.reduce((sum, words) => sum + words.length, 0));
  let at = 0;
  for (const words of found) {
    all.set(words, at);
    at += words.length;
  }
  return writeWords(file, all);
}

function cut({ settings, from, to, shard, passages, ids }: CutTask): ShardInfo {
  const byPlace = new Map<number, Passage[]>();
  for (let at = 0; at < passages.length; at += 4) {
    const [place = 0, start = 0, end = 0, first = 0] = passages.subarray(at, at + 4);
    const known = byPlace.get(place);
    if (known === undefined) byPlace.set(place, [{ start, end, first }]);
    else known.push({ start, end, first });
  }
  const worker = new PassageWorker(settings);
  const nameOf = (document: number): string => ids[document] ?? "";
  const verdicts = readShard(from, shard).map((document, place): [Document, Verdict] => [
    document,
    worker.verdict(document, byPlace.get(place) ?? [], nameOf),
  ]);
  return writeVerdicts("substring", new ShardFolder(to), shard, verdicts);
}
