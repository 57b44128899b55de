import { createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import * as z from "zod";
import { readJson } from "../io/json.ts";
import { writeWhole } from "../io/whole-file.ts";
import type { ExampleResult, TaskResult } from "./harness.ts";

/** What was measured, and how: results of different ones are not kept in one file. */
export interface Measured {
  readonly model: string;
  /** Tells one state of the weights from another. */
  readonly fingerprint: string;
  /** Options that change scores: limit, examples, chat template, start token. */
  readonly options: Readonly<Record<string, unknown>>;
}

const taskName = z.looseObject({ task: z.string(), group: z.string().optional() });
const saved = z.looseObject({
  model: z.string(),
  fingerprint: z.string(),
  options: z.record(z.string(), z.unknown()),
  results: z.array(taskName),
});

/**
 * What an evaluation leaves behind: `results.json`, and one line for each item in `examples/<task>.jsonl`. Results of
 * other tasks from before stay, when they are of the same weights under the same options: tasks can be measured one
 * after another.
 */
export class ResultWriter {
  readonly #folder: string;
  readonly #measured: Measured;
  readonly #streams = new Map<string, WriteStream>();

  constructor(folder: string, measured: Measured) {
    this.#folder = folder;
    this.#measured = measured;
    mkdirSync(join(folder, "examples"), { recursive: true });
  }

  /** Adds an item to its task's file. */
  example(result: ExampleResult): void {
    let stream = this.#streams.get(result.task);
    if (stream === undefined) {
      stream = createWriteStream(join(this.#folder, "examples", `${result.task}.jsonl`));
      this.#streams.set(result.task, stream);
    }
    stream.write(`${JSON.stringify(result)}\n`);
  }

  /**
   * Closes the files and writes the results.
   * @returns how many earlier results were dropped, being of other weights or options
   */
  async finish(results: readonly TaskResult[]): Promise<number> {
    for (const stream of this.#streams.values()) {
      stream.end();
      if (!stream.writableFinished) await once(stream, "finish");
    }
    const { kept, dropped } = this.#earlier(results);
    const file = join(this.#folder, "results.json");
    writeWhole(file, `${JSON.stringify({ ...this.#measured, results: [...kept, ...results] }, null, 2)}\n`);
    return dropped;
  }

  /** Results in the file that these do not replace. */
  #earlier(results: readonly TaskResult[]): { kept: z.infer<typeof taskName>[]; dropped: number } {
    const before = saved.safeParse(readJson(join(this.#folder, "results.json")));
    if (!before.success) return { kept: [], dropped: 0 };
    const { model, fingerprint, options } = before.data;
    const same = JSON.stringify({ model, fingerprint, options }) === JSON.stringify(this.#measured);
    const names = new Set(results.flatMap(({ task, group }) => [task, group ?? task]));
    const others = before.data.results.filter(({ task, group }) => !names.has(task) && !names.has(group ?? task));
    return same ? { kept: others, dropped: 0 } : { kept: [], dropped: others.length };
  }
}
