import { existsSync, mkdirSync, rmSync } from "node:fs";
import * as path from "node:path";
import * as z from "zod";
import type { AnswerContext, CorpusStage, Part, Round } from "../../data/define-corpus-stage.ts";
import { readJson } from "../../io/json.ts";
import { writeWhole } from "../../io/whole-file.ts";
import type { JsonValue } from "../../text/index.ts";
import type { Bar } from "../progress.ts";
import { ShardedCorpus } from "../shards/corpus.ts";
import { ShardFolder, type ShardInfo } from "../shards/shards.ts";
import type { PartTask, VerdictTask } from "../shards/tasks.ts";
import type { RecipeStage } from "./recipe-stage.ts";
import { stopIfAborted } from "../interrupted.ts";
import { finishShards, shardedStage, type ShardedWork } from "./sharded.ts";
import { DEFAULT_MEMORY, type StageContext, type StageOutcome } from "./stage.ts";

/** The list's entry of a corpus-wide stage: round after round, its parts spread by the executor. */
export function corpusStage(definition: CorpusStage): RecipeStage {
  return shardedStage(definition, (job) => run(definition, job));
}

async function run(definition: CorpusStage, { settings, from, to, context }: ShardedWork): Promise<StageOutcome> {
  const { name } = definition;
  to.sweep();
  const infos = Array.from({ length: from.count() ?? 0 }, (_, shard) => to.info(shard));
  const bar = context.progress.bar(name, "documents", from.summary()?.statistics.out.documents);
  // Beside the shards until the last one is written, so that an interruption costs only what was in hand.
  const work = path.join(to.folder, "work");
  if (infos.includes(undefined)) {
    mkdirSync(work, { recursive: true });
    await new Job(definition, settings, from, work, context, bar).run(to, infos);
  }
  rmSync(work, { recursive: true, force: true });
  return finishShards(name, to, infos, bar);
}

const partKeys = z.array(z.union([z.string(), z.number()]));

class Job {
  readonly #definition: CorpusStage;
  readonly #settings: JsonValue;
  readonly #from: ShardFolder;
  readonly #work: string;
  readonly #context: StageContext;
  readonly #corpus: ShardedCorpus;
  readonly #bar: Bar;

  constructor(
    definition: CorpusStage,
    settings: JsonValue,
    from: ShardFolder,
    work: string,
    context: StageContext,
    bar: Bar,
  ) {
    this.#definition = definition;
    this.#settings = settings;
    this.#from = from;
    this.#work = work;
    this.#context = context;
    this.#corpus = new ShardedCorpus(from);
    this.#bar = bar;
  }

  /** @param infos of shards that are whole already; filled as the others are written */
  async run(to: ShardFolder, infos: (ShardInfo | undefined)[]): Promise<void> {
    const { rounds, last } = await this.#definition.load();
    for (const round of rounds) await this.#runRound(round);
    const answer = last.answer(
      this.#settings,
      this.#answerContext((shard) => infos[Number(shard)] === undefined),
    );
    const written = infos.filter((info) => info !== undefined).length;
    await this.#spread(this.#verdictTasks(answer, to, infos), "writing", written, ({ shard }) => {
      infos[shard] = to.info(shard);
    });
  }

  /** A round is done when its list of parts is there; its parts are done when their files are. */
  async #runRound(round: Round<unknown>): Promise<void> {
    const list = this.#listFile(round.name);
    if (existsSync(list)) return;
    const isMissing = (key: string | number): boolean => !existsSync(this.#partFile(round.name, key));
    const keys: (string | number)[] = [];
    const answer = round.answer(this.#settings, this.#answerContext(isMissing));
    await this.#spread(this.#partTasks(answer, round.name, isMissing, keys), round.name, 0);
    writeWhole(list, `${JSON.stringify(keys)}\n`);
  }

  async *#partTasks(
    parts: Iterable<Part<unknown>> | AsyncIterable<Part<unknown>>,
    round: string,
    isMissing: (key: string | number) => boolean,
    keys: (string | number)[],
  ): AsyncGenerator<PartTask> {
    for await (const { key, shard, input } of parts) {
      keys.push(key);
      const file = this.#partFile(round, key);
      if (isMissing(key)) yield { ...this.#shared(), kind: "part", round, shard, input, file };
    }
  }

  async *#verdictTasks(
    parts: Iterable<Part<unknown>> | AsyncIterable<Part<unknown>>,
    to: ShardFolder,
    infos: readonly (ShardInfo | undefined)[],
  ): AsyncGenerator<VerdictTask> {
    for await (const { key, input } of parts) {
      const shard = Number(key);
      if (infos[shard] === undefined) yield { ...this.#shared(), kind: "verdicts", to: to.folder, shard, input };
    }
  }

  #shared(): Pick<PartTask, "stage" | "settings" | "from"> {
    const { name, module } = this.#definition;
    return { stage: { name, module }, settings: this.#settings, from: this.#from.folder };
  }

  async #spread<T extends PartTask | VerdictTask>(
    tasks: AsyncIterable<T>,
    note: string,
    already: number,
    onDone: (task: T) => void = () => {},
  ): Promise<void> {
    const { executor, signal } = this.#context;
    let done = already;
    await executor.run(tasks, {
      signal,
      onDone: (task) => {
        onDone(task);
        this.#bar.update(this.#corpus.firstOf(Math.min(++done, this.#corpus.shards)), note);
      },
    });
  }

  #answerContext(isMissing: AnswerContext["isMissing"]): AnswerContext {
    const { memoryBytes = DEFAULT_MEMORY, executor, signal } = this.#context;
    const folder = path.join(this.#work, "runs");
    rmSync(folder, { recursive: true, force: true });
    return {
      corpus: this.#corpus,
      files: (round) => partKeys.parse(readJson(this.#listFile(round))).map((key) => this.#partFile(round, key)),
      isMissing,
      folder,
      memoryBytes,
      workers: executor.workers,
      pause: async (note, share) => {
        this.#bar.update(0, `${note}, ${Math.round(100 * share)}%`);
        await new Promise((resolve) => setImmediate(resolve));
        stopIfAborted(signal);
      },
    };
  }

  #partFile(round: string, key: string | number): string {
    return path.join(this.#work, `${round}-${key}.bin`);
  }

  #listFile(round: string): string {
    return path.join(this.#work, `${round}.json`);
  }
}
