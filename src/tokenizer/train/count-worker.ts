// A thread that counts the pieces of one part of the text at a time.
import { parentPort, workerData } from "node:worker_threads";
import { pieceVisitor, type CountPlan } from "./count-plan.ts";
import { PieceCounter } from "./piece-counter.ts";

const plan = workerData as CountPlan;
const visit = pieceVisitor(plan);
parentPort?.on("message", (texts: readonly string[]) => {
  const counter = new PieceCounter();
  for (const text of texts) visit(text, counter.add);
  const counted = counter.snapshot();
  const { units, ends, hashes, counts } = counted;
  parentPort?.postMessage(counted, [units.buffer, ends.buffer, hashes.buffer, counts.buffer]);
});
