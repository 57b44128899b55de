import { existsSync, mkdirSync, rmSync } from "node:fs";
import * as path from "node:path";
import { ExternalSorter } from "../../data/dedup/documents/index.ts";
import {
  addKeys,
  addRepeated,
  SECTIONS,
  substringSettings,
  type SubstringSettings,
} from "../../data/dedup/substring/index.ts";
import { toJson } from "../../text/index.ts";
import { workOnShards } from "../executors/local.ts";
import type { CutTask, FindTask, GatherTask, KeysTask } from "../shards/tasks.ts";
import { ShardFolder, type ShardInfo } from "../shards/shards.ts";
import { DEFAULT_MEMORY, stopIfAborted, type StageContext, type StageOutcome } from "./stage.ts";
import { changeLine } from "./map.ts";
import { defineRecipeStage } from "./recipe-stage.ts";
import { Names, readWords, Starts, wordCount } from "../shards/words.ts";

/**
 * Removes passages that came before, keeping the first copy. Every step is shards to files, so that an interruption
 * costs what was in hand, and memory does not grow with the corpus:
 *
 * 1. keys of all windows of each shard; a sort finds the keys that occur again;
 * 2. the stretches of tokens under those keys, in sections by key;
 * 3. section by section, as many at a time as fit into memory: repeated windows, by suffix array;
 * 4. a sort brings them into the order of documents, and each shard is written without them.
 */
export const substringStage = defineRecipeStage({
  name: "substring",
  group: "data",
  summary: "Remove passages that came before in the corpus.",
  schema: substringSettings.unwrap(),
  writesDocuments: true,
  create: (settings, { directory, documents }) => {
    const from = new ShardFolder(directory.data(documents()));
    const to = new ShardFolder(directory.data("substring"));
    return {
      name: "substring",
      version: 1,
      settings: toJson(settings),
      after: [documents()],
      outputs: [to.folder],
      precious: false,
      isWhole: () => to.isWhole(),
      run: (context) => run(settings, from, to, context),
    };
  },
});

async function run(
  settings: SubstringSettings,
  from: ShardFolder,
  to: ShardFolder,
  context: StageContext,
): Promise<StageOutcome> {
  const { progress } = context;
  const shards = from.count() ?? 0;
  to.sweep();
  const infos = Array.from({ length: shards }, (_, shard) => to.info(shard));
  const bar = progress.bar("substring", "documents", from.summary()?.statistics.out.documents);
  const work = path.join(to.folder, "work");
  if (infos.includes(undefined)) {
    mkdirSync(work, { recursive: true });
    rmSync(path.join(work, "runs"), { recursive: true, force: true });
    const job = new Job(settings, from, work, context, (what, share) => {
      bar.update(0, `${what}, ${Math.round(100 * share)}%`);
    });
    await job.keys();
    await job.gather();
    const found = await job.find();
    await job.cut(to, infos, found);
  }
  rmSync(work, { recursive: true, force: true });
  const { output, summary } = to.finish(
    "substring",
    infos.filter((info) => info !== undefined),
  );
  bar.done(changeLine(summary.statistics));
  return { output, summary: { ...summary.statistics.out, changed: summary.statistics.changed } };
}

class Job {
  readonly #settings: SubstringSettings;
  readonly #from: ShardFolder;
  readonly #work: string;
  readonly #context: StageContext;
  readonly #memory: number;
  readonly #starts: Starts;
  readonly #tell: (what: string, share: number) => void;

  constructor(
    settings: SubstringSettings,
    from: ShardFolder,
    work: string,
    context: StageContext,
    tell: (what: string, share: number) => void,
  ) {
    this.#settings = settings;
    this.#from = from;
    this.#work = work;
    this.#context = context;
    this.#memory = context.memoryBytes ?? DEFAULT_MEMORY;
    this.#starts = new Starts(from);
    this.#tell = tell;
  }

  async keys(): Promise<void> {
    const tasks = this.#missing("keys").map(
      (shard): KeysTask => ({
        kind: "keys",
        settings: this.#settings,
        from: this.#from.folder,
        shard,
        file: this.#file("keys", shard),
      }),
    );
    await this.#do<"keys">(tasks, "windows", tasks.length);
  }

  async gather(): Promise<void> {
    const missing = this.#missing("stretches");
    if (missing.length === 0) return;
    const keys = this.#sorter("runs-keys");
    const byDocument = this.#sorter("runs-documents");
    try {
      for (let shard = 0; shard < this.#starts.shards; shard++) {
        addKeys(keys, readWords(this.#file("keys", shard)), this.#starts.of(shard));
        if (shard % 16 === 0) await this.#breathe("sorting", shard / this.#starts.shards);
      }
      addRepeated(byDocument, keys);
      await this.#breathe("sorting", 1);
      await this.#do<"gather">(this.#gatherTasks(byDocument, new Set(missing)), "repeated", missing.length);
    } finally {
      keys.close();
      byDocument.close();
    }
  }

  *#gatherTasks(byDocument: ExternalSorter, missing: ReadonlySet<number>): Generator<GatherTask> {
    for (const [shard, rows] of this.#starts.byShard(byDocument.sorted(), [1])) {
      if (!missing.has(shard)) continue;
      yield {
        kind: "gather",
        settings: this.#settings,
        from: this.#from.folder,
        shard,
        wanted: rows,
        file: this.#file("stretches", shard),
      };
    }
  }

  /** The files with the passages that were found. */
  async find(): Promise<string[]> {
    const files = Array.from({ length: this.#starts.shards }, (_, shard) => this.#file("stretches", shard));
    const words = new Float64Array(SECTIONS);
    for (const file of files) {
      const ends = readWords(file, 0, SECTIONS);
      for (let i = 0; i < SECTIONS; i++) words[i] = (words[i] ?? 0) + (ends[i] ?? 0) - (ends[i - 1] ?? SECTIONS);
    }
    const { threads } = this.#context;
    // The stretches as read, and for one section the tokens, two arrays of the finder and its result: 20 bytes a word,
    // were there one section.
    const most = this.#memory / threads / 20;
    const firsts = files.map((_, shard) => this.#starts.of(shard));
    const tasks: FindTask[] = [];
    for (let section = 0; section < SECTIONS; ) {
      let [end, sum] = [section + 1, words[section] ?? 0];
      while (end < SECTIONS && sum + (words[end] ?? 0) <= most) sum += words[end++] ?? 0;
      const file = path.join(this.#work, `found-${section}-${end}.bin`);
      tasks.push({ kind: "find", width: this.#settings.min_tokens, files, firsts, sections: [section, end], file });
      section = end;
    }
    const missing = tasks.filter(({ file }) => !existsSync(file));
    await this.#do<"find">(missing, "passages", missing.length);
    return tasks.map(({ file }) => file);
  }

  async cut(to: ShardFolder, infos: (ShardInfo | undefined)[], found: readonly string[]): Promise<void> {
    const sorter = this.#sorter("runs-passages");
    try {
      for (const [i, file] of found.entries()) {
        const total = wordCount(file);
        for (let at = 0; at < total; at += PIECE) {
          const words = readWords(file, at, Math.min(PIECE, total - at));
          for (let k = 0; k < words.length; k += 4) {
            const [document = 0, start = 0, end = 0, first = 0] = words.subarray(k, k + 4);
            // Four words as two records that stay neighbours.
            sorter.add(document, 2 * start, end);
            sorter.add(document, 2 * start + 1, first);
          }
        }
        await this.#breathe("sorting passages", i / found.length);
      }
      const tasks = this.#cutTasks(sorter, to, infos);
      const left = infos.filter((info) => info === undefined).length;
      await this.#do<"cut">(tasks, "writing", left, (info, { shard }) => {
        infos[shard] = info;
      });
    } finally {
      sorter.close();
    }
  }

  *#cutTasks(sorter: ExternalSorter, to: ShardFolder, infos: readonly (ShardInfo | undefined)[]): Generator<CutTask> {
    const names = new Names(this.#from, this.#starts);
    for (const [shard, rows] of this.#starts.byShard(sorter.sorted(), [1, 2])) {
      if (infos[shard] !== undefined) continue;
      const passages: number[] = [];
      const ids: Record<number, string> = {};
      let last = -1;
      for (let at = 0; at < rows.length; at += 6) {
        const [place = 0, twice = 0, end = 0, , , first = 0] = rows.subarray(at, at + 6);
        passages.push(place, twice / 2, end, first);
        // The ledger names the document that has a document's first passage.
        if (place !== last) ids[first] = names.of(first);
        last = place;
      }
      const folders = { from: this.#from.folder, to: to.folder };
      yield { kind: "cut", settings: this.#settings, ...folders, shard, passages: Uint32Array.from(passages), ids };
    }
  }

  async #do<Kind extends "keys" | "gather" | "find" | "cut">(
    tasks: Parameters<typeof workOnShards<Kind>>[0],
    what: string,
    total: number,
    onDone: Parameters<typeof workOnShards<Kind>>[1]["onDone"] = () => {},
  ): Promise<void> {
    let done = 0;
    const { threads, signal } = this.#context;
    await workOnShards<Kind>(tasks, {
      threads,
      signal,
      onDone: (answer, task) => {
        onDone(answer, task);
        this.#tell(what, ++done / total);
      },
    });
  }

  async #breathe(what: string, share: number): Promise<void> {
    this.#tell(what, share);
    await new Promise((resolve) => setImmediate(resolve));
    stopIfAborted(this.#context.signal);
  }

  #sorter(name: string): ExternalSorter {
    return new ExternalSorter({ folder: path.join(this.#work, "runs", name), memoryBytes: this.#memory / 3 });
  }

  #file(kind: "keys" | "stretches", shard: number): string {
    return path.join(this.#work, `${kind}-${shard}.bin`);
  }

  #missing(kind: "keys" | "stretches"): number[] {
    return Array.from({ length: this.#starts.shards }, (_, shard) => shard).filter(
      (shard) => !existsSync(this.#file(kind, shard)),
    );
  }
}

/** Words read at a time; a multiple of four. */
const PIECE = 1 << 18;
