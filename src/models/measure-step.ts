import { clipByGlobalNorm, createOptimizer, type OptimizerSettings } from "../optim/index.ts";
import { MetaDevice, Tape } from "../tensor/index.ts";
import { createCausal } from "./causal-model.ts";
import type { Architecture } from "./model.ts";

/** The step that {@link measureStep} predicts. */
export interface MeasureOptions {
  /** Texts in a micro-batch. */ readonly B: number;
  /** Tokens in each. */ readonly T: number;
  /** Without one, a forward pass alone is measured, of a model that is not trainable. */
  readonly optimizer?: OptimizerSettings;
  /** Micro-batches in a step; default 1. Costs time, not memory. */
  readonly microBatches?: number;
  /** Whether targets have weights, as in supervised fine-tuning. */
  readonly weights?: boolean;
  /** Whether each layer's activations are computed again in backward: less memory, one more forward. Default false. */
  readonly checkpointing?: boolean;
}

/** What a training step needs: memory in bytes, and operations. */
export interface StepMeasure {
  /** Number of weights. */ readonly parameters: number;
  /** Parameters, gradients and optimizer state. */ readonly persistentBytes: number;
  /** Most bytes of activations at one time. */ readonly arenaPeakBytes: number;
  /** What the arena takes from the system for that. */ readonly arenaReservedBytes: number;
  /** What products pack their operands into. */ readonly scratchBytes: number;
  /** All of it: what the process needs beside the program. */ readonly totalBytes: number;
  /** Floating-point operations of a whole step. */ readonly flopsPerStep: number;
}

/**
 * What one training step needs, found by running it without numbers on the meta device: before any memory is taken.
 *
 * @throws NuwaError VALUE when T is longer than the model's context
 * @example
 * const { totalBytes } = measureStep(architecture, { B: 8, T: 256, optimizer: optimizerSettings.parse({ name: "adamw" }) });
 */
export function measureStep(architecture: Architecture, options: MeasureOptions): StepMeasure {
  const { B, T, optimizer: settings, microBatches = 1, weights = false, checkpointing = false } = options;
  const device = new MetaDevice();
  const recording = settings !== undefined;
  const model = createCausal(architecture, device, { trainable: recording });
  const optimizer = settings === undefined ? undefined : createOptimizer(settings, model.parameters);
  const parameters = model.parameters.totalElements;
  const arena = device.createArena();
  device.resetCounts();
  for (let microBatch = 0; microBatch < microBatches; microBatch++) {
    const tape = new Tape({ device, arena, recording, training: recording, checkpointing });
    // No host array: a batch far too large must be measured too.
    const [tokens, targets] = [tape.empty([B, T], "int32"), tape.empty([B, T], "int32")];
    const { loss } = model.loss(
      tape,
      { tokens, targets, ...(weights && { weights: tape.empty([B, T]) }) },
      { normalizer: B * T },
    );
    tape.backward(loss);
    arena.reset();
  }
  if (optimizer !== undefined) {
    const { scale } = clipByGlobalNorm(device, arena, model.parameters, { maxNorm: 1 });
    optimizer.step({ learningRateScale: 1, gradientScale: scale });
  }
  const { persistentBytes, arenaPeakBytes, arenaReservedBytes, scratchBytes, flops: flopsPerStep } = device;
  const totalBytes = persistentBytes + arenaReservedBytes + scratchBytes;
  return { parameters, persistentBytes, arenaPeakBytes, arenaReservedBytes, scratchBytes, totalBytes, flopsPerStep };
}
