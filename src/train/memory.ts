import { totalmem } from "node:os";
import { type Architecture, measureStep } from "../models/index.ts";
import type { OptimizerSettings } from "../optim/index.ts";
import { NuwaError } from "../text/errors.ts";

/** Bytes this process may use: the machine's memory, or the container's limit where that is lower. */
export function memoryLimit(): number {
  const constrained = process.constrainedMemory(); // 0, or more than there is, when nothing limits it
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

export interface MemoryNeed {
  /** Bytes that training takes with so many sequences in a micro-batch. */
  readonly predict: (batch: number) => number;
  /** The same with activation checkpointing, where that is not on already. */
  readonly checkpointed?: ((batch: number) => number) | undefined;
}

/**
 * Refuses a batch that cannot fit before anything is allocated.
 *
 * @throws NuwaError MEMORY with what is needed, what there is, and which batch would fit
 */
export function requireMemory(need: MemoryNeed, batch: number, available = memoryLimit()): void {
  const { predict, checkpointed } = need;
  const predicted = predict(batch);
  if (predicted <= available) return;
  const message = `a batch of ${batch} needs about ${gibibytes(predicted)} of memory, and ${gibibytes(available)} are available`;
  const fits = largestBatch(predict, batch, available);
  const hints: string[] = [];
  if (fits > 0)
    hints.push(`batch: ${fits} would fit; accumulate: ${Math.ceil(batch / fits)} then learns about the same`);
  const fitsAgain = checkpointed === undefined ? 0 : largestBatch(checkpointed, batch, available);
  if (fitsAgain > fits) {
    const smaller = fitsAgain === batch ? "" : ` with batch: ${fitsAgain}`;
    hints.push(`activation_checkpointing: true would fit${smaller}, a third slower`);
  }
  if (hints.length === 0) {
    const least = Math.min(predict(1), checkpointed?.(1) ?? Number.POSITIVE_INFINITY);
    const how = checkpointed !== undefined && least < predict(1) ? " with activation_checkpointing: true" : "";
    hints.push(`even batch: 1${how} does not fit (${gibibytes(least)}); make the model or the context smaller`);
  }
  throw new NuwaError("MEMORY", message, { where: "batch", hint: hints.join("; or ") });
}

/** What the memory of training depends on. */
export interface TrainingSizes {
  /** Tokens in a sequence. */
  readonly T: number;
  readonly batch: number;
  readonly optimizer: OptimizerSettings;
  readonly activation_checkpointing: boolean;
  /** Bytes taken for each byte that the cpu device takes; default 1. */
  readonly factor?: number;
}

/**
 * {@link requireMemory} of training this model, found by running one step without numbers.
 *
 * @throws NuwaError MEMORY
 */
export function requireTrainingMemory(
  architecture: Architecture,
  sizes: TrainingSizes,
  available = memoryLimit(),
): void {
  const { T, batch, optimizer, activation_checkpointing: on, factor = 1 } = sizes;
  const bytes = (B: number, checkpointing: boolean): number =>
    measureStep(architecture, { B, T, optimizer, checkpointing }).totalBytes * factor;
  const checkpointed = on ? undefined : (B: number) => bytes(B, true);
  requireMemory({ predict: (B) => bytes(B, on), checkpointed }, batch, available);
}

/** Of 0 to `batch`, the most sequences that fit. From below, since measuring a batch takes longer the larger it is. */
function largestBatch(predict: (batch: number) => number, batch: number, available: number): number {
  let fits = 0;
  let tooMany = batch + 1;
  for (let tried = 1; tried < tooMany; tried = Math.min(2 * tried, batch)) {
    if (predict(tried) > available) tooMany = tried;
    else fits = tried;
    if (fits === batch) return batch;
  }
  while (tooMany - fits > 1) {
    const middle = Math.floor((fits + tooMany) / 2);
    if (predict(middle) <= available) fits = middle;
    else tooMany = middle;
  }
  return fits;
}

function gibibytes(bytes: number): string {
  const size = bytes / 2 ** 30;
  return `${size < 100 ? size.toPrecision(3) : Math.round(size).toLocaleString("en-US")} GiB`;
}
