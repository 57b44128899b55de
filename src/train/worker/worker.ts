/** The training thread: started by host.ts with a job, reports its events by messages, ends when the run does. */
import { parentPort, workerData } from "node:worker_threads";
import { toErrorEvent } from "./error-message.ts";
import type { TrainEvent } from "../events.ts";
import type { WorkerInput } from "./host.ts";
import { runTraining } from "../run.ts";

const { job, stop }: WorkerInput = workerData;
const report = (event: TrainEvent): void => parentPort?.postMessage(event);

try {
  const control = {
    get stopRequested() {
      return Atomics.load(stop, 0) !== 0;
    },
  };
  report(await runTraining(job, report, control));
} catch (error) {
  report(toErrorEvent(error));
}
