import { createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { writeWhole } from "../io/whole-file.ts";
import type { ExampleResult, TaskResult } from "./harness.ts";

/** What an evaluation leaves behind: `results.json`, and one line for each item in `examples/<task>.jsonl`. */
export class ResultWriter {
  readonly #folder: string;
  readonly #streams = new Map<string, WriteStream>();

  constructor(folder: string) {
    this.#folder = folder;
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

  /** Closes the files and writes the results. */
  async finish(model: string, results: readonly TaskResult[]): Promise<void> {
    for (const stream of this.#streams.values()) {
      stream.end();
      if (!stream.writableFinished) await once(stream, "finish");
    }
    writeWhole(join(this.#folder, "results.json"), `${JSON.stringify({ model, results }, null, 2)}\n`);
  }
}
