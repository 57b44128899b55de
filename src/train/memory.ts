import { totalmem } from "node:os";
import { clipByGlobalNorm, type OptimizerDefinition, type OptimizerSettings } from "../optim/index.ts";
import { MetaDevice, Tape } from "../tensor/index.ts";
import { NuwaError } from "../text/errors.ts";
import type { Registry } from "../text/registry.ts";
import type { Model } from "../models/index.ts";
import { trainedOf } from "./objectives/models.ts";
import type { StepOutline } from "./objectives/objective.ts";

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

/** What the memory of training depends on beside the objective. */
export interface TrainingSizes {
  /** Rows in a micro-batch. */
  readonly batch: number;
  /** Of every trained model that has none of its own. */
  readonly optimizer: OptimizerSettings;
  /** With those of plugins; default: the built-in ones. */
  readonly optimizers?: Registry<OptimizerDefinition>;
  readonly activation_checkpointing: boolean;
  /** Bytes taken for each byte that the cpu device takes; default 1. */
  readonly factor?: number;
}

export interface TrainingMeasure {
  /** Number of weights of the models that are trained. */ readonly parameters: number;
  /** All models, gradients, optimizers and one micro-batch's activations: what the process needs beside the program. */
  readonly totalBytes: number;
  /** Floating-point operations of a whole step. */ readonly flopsPerStep: number;
}

/**
 * What training needs, found by running one step without numbers: all models that the objective names, what it does
 * with them before the loss, the loss, its backward pass and the optimizers.
 *
 * @param microBatches in a step; costs time, not memory
 */
export function measureTraining(outline: StepOutline, sizes: TrainingSizes, microBatches = 1): TrainingMeasure {
  const { batch: rows, activation_checkpointing: checkpointing, factor = 1 } = sizes;
  const device = new MetaDevice();
  const models: Record<string, Model> = {};
  for (const [name, plan] of Object.entries(outline.models)) models[name] = plan.create(device, 0);
  const trained = trainedOf(outline.models, models, sizes.optimizer, sizes.optimizers);
  const parameters = trained.reduce((sum, { model }) => sum + model.parameters.totalElements, 0);
  const arena = device.createArena();
  device.resetCounts();
  outline.rehearse?.(models, rows);
  for (let microBatch = 0; microBatch < microBatches; microBatch++) {
    const tape = new Tape({ device, arena, recording: true, training: true, checkpointing });
    const { loss } = outline.loss(tape, models, outline.outline(rows));
    tape.backward(loss);
    arena.reset();
  }
  const all = trained.flatMap(({ model }) => [...model.parameters]);
  const { scale } = clipByGlobalNorm(device, arena, all, { maxNorm: 1 });
  for (const { optimizer } of trained) optimizer.step({ learningRateScale: 1, gradientScale: scale });
  const { persistentBytes, arenaReservedBytes, scratchBytes, flops: flopsPerStep } = device;
  const totalBytes = (persistentBytes + arenaReservedBytes + scratchBytes) * factor;
  device.dispose();
  return { parameters, totalBytes, flopsPerStep };
}

/**
 * {@link requireMemory} of training these models, found by running one step without numbers.
 *
 * @throws NuwaError MEMORY
 */
export function requireTrainingMemory(outline: StepOutline, sizes: TrainingSizes, available = memoryLimit()): void {
  const bytes = (batch: number, checkpointing: boolean): number =>
    measureTraining(outline, { ...sizes, batch, activation_checkpointing: checkpointing }).totalBytes;
  const { batch, activation_checkpointing: checkpointing } = sizes;
  const checkpointed = checkpointing ? undefined : (rows: number) => bytes(rows, true);
  requireMemory({ predict: (rows) => bytes(rows, checkpointing), checkpointed }, batch, available);
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
