import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { NuwaError } from "../../text/errors.ts";
import { fromErrorEvent } from "./error-message.ts";
import type { DoneEvent, TrainEvent } from "../events.ts";
import type { TrainJob } from "../job.ts";

/** A run in a worker thread: its events in order, and a way to end it early. */
export interface Training extends AsyncIterable<TrainEvent> {
  /**
   * Asks the run to end: it finishes the step it is in and writes a checkpoint; the events end with `done`.
   * Resolves when it has ended, also when it failed.
   */
  stop(): Promise<void>;
  /** The last event. Rejects with the run's error. */
  readonly done: Promise<DoneEvent>;
}

/** What the worker is started with. The flag is shared memory: it is visible between steps, however busy the worker is. */
export interface WorkerInput {
  readonly job: TrainJob;
  readonly stop: Int32Array;
}

/**
 * Where the compiled worker is. A worker thread can only load JavaScript: from a checkout's sources (in a test) that
 * is the last build's.
 *
 * @throws NuwaError FILE when there is no build
 */
export function workerPath(): string {
  const here = new URL(".", import.meta.url);
  const beside = fileURLToPath(new URL("worker.js", here));
  if (existsSync(beside)) return beside;
  const built = fileURLToPath(new URL("../../../dist/src/train/worker/worker.js", here));
  if (existsSync(built)) return built;
  throw new NuwaError("FILE", "the training worker has not been compiled", {
    where: built,
    hint: "run `npm run build:ts`",
  });
}

/**
 * Trains in a worker thread, so that this one stays free for a terminal or a server. See {@link runTraining} for what
 * it does, and for errors: they are thrown from the iteration, and from `done`.
 *
 * @example
 * const training = train(job);
 * process.once("SIGINT", () => training.stop());
 * for await (const event of training) if (event.type === "step") console.log(event.step, event.loss);
 */
export function train(job: TrainJob): Training {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(workerPath(), { workerData: { job, stop } satisfies WorkerInput });
  const queue: TrainEvent[] = [];
  let wake: () => void = () => undefined;
  let ended = false;
  let failure: Error | undefined;
  let last: DoneEvent | undefined;

  const finished = new Promise<void>((resolve) => {
    worker.on("message", (event: TrainEvent) => {
      if (event.type === "error") failure = fromErrorEvent(event);
      else {
        if (event.type === "done") last = event;
        queue.push(event);
      }
      wake();
    });
    worker.on("error", (error) => {
      failure ??= error instanceof Error ? error : new Error(String(error));
    });
    worker.on("exit", (code) => {
      if (last === undefined) failure ??= new Error(`the training worker ended with code ${code} before its work did`);
      ended = true;
      resolve();
      wake();
    });
  });
  const done = finished.then(() => {
    if (failure !== undefined) throw failure;
    if (last === undefined) throw new Error("the training worker ended without a result");
    return last;
  });
  done.catch(() => undefined); // whoever awaits it gets the error; nobody has to

  return {
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          const event = queue.shift();
          if (event !== undefined) yield event;
          else if (ended) break;
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        Atomics.store(stop, 0, 1); // whoever leaves the loop early no longer wants the run
      }
      if (failure !== undefined) throw failure;
    },
    stop() {
      Atomics.store(stop, 0, 1);
      return finished;
    },
    done,
  };
}
