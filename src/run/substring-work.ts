import { findPassages, firstWindows, PassageWorker, SECTIONS, type Passage } from "../data/dedup/substring/index.ts";
import type { Document } from "../text/index.ts";
import type { Verdict } from "../data/stage.ts";
import { readShard, writeVerdicts, type CutTask, type FindTask, type GatherTask, type KeysTask } from "./shard-work.ts";
import { ShardFolder, type ShardInfo } from "./shards.ts";
import { readWords, writeWords } from "./shard-words.ts";

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
  const blocks = files.map((name) => {
    const ends = readWords(name, 0, SECTIONS);
    const begin = from === 0 ? SECTIONS : (ends[from - 1] ?? 0);
    return { ends, begin, words: readWords(name, begin, (ends[to - 1] ?? 0) - begin) };
  });
  const total = blocks.reduce((sum, { words }) => sum + words.length, 0);
  // Section by section, so that within each the order is the corpus's.
  function* parts(): Generator<{ first: number; words: Uint32Array }> {
    for (let section = from; section < to; section++) {
      for (const [shard, { ends, begin, words }] of blocks.entries()) {
        const start = section === from ? begin : (ends[section - 1] ?? 0);
        yield { first: firsts[shard] ?? 0, words: words.subarray(start - begin, (ends[section] ?? 0) - begin) };
      }
    }
  }
  return writeWords(file, findPassages(parts(), total, width, firstWindows));
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
