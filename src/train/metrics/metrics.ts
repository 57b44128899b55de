import { readFileSync } from "node:fs";
import { isErrno } from "../../io/errno.ts";
import { WholeFile } from "../../io/whole-file.ts";
import type { EvalEvent, SampleEvent, StepEvent } from "../events.ts";

/** A line of `metrics.jsonl`. */
export type MetricsLine = StepEvent | EvalEvent | SampleEvent;

/**
 * metrics.jsonl: one JSON object a line, appended as training goes. Opening it for a resumed run drops every line
 * after the checkpoint's step, and a line cut short by a kill, so that no step stands there twice.
 *
 * @throws NuwaError FILE when it cannot be written
 *
 * @example
 * const metrics = MetricsLog.open("run/metrics.jsonl", 500); // keeps lines of steps 1–500
 */
export class MetricsLog {
  readonly #file: WholeFile;

  private constructor(file: WholeFile) {
    this.#file = file;
  }

  /** @param step lines after it are dropped; 0 starts a new file */
  static open(path: string, step: number): MetricsLog {
    const kept = readMetrics(path).filter((line) => line.step <= step);
    const file = new WholeFile(path);
    try {
      file.write(kept.map((line) => `${JSON.stringify(line)}\n`).join(""));
      file.publish();
    } catch (error) {
      file.close();
      throw error;
    }
    return new MetricsLog(file);
  }

  append(line: MetricsLine): void {
    this.#file.write(`${JSON.stringify(line)}\n`);
  }

  /** Before a checkpoint: what the checkpoint counts as written has to be on the disk. */
  flush(): void {
    this.#file.flush();
  }

  close(): void {
    this.#file.close();
  }
}

/** Every whole line; an empty list when there is no file. Lines that are not metrics are skipped. */
export function readMetrics(path: string): readonly MetricsLine[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
  return text.split("\n").flatMap((line) => {
    const parsed = parseLine(line);
    return parsed === undefined ? [] : [parsed];
  });
}

function parseLine(line: string): MetricsLine | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isMetricsLine(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Our own file, so the two fields that decide suffice. */
function isMetricsLine(value: unknown): value is MetricsLine {
  return (
    typeof value === "object" &&
    value !== null &&
    "type" in value &&
    (value.type === "step" || value.type === "eval" || value.type === "sample") &&
    "step" in value &&
    typeof value.step === "number"
  );
}
