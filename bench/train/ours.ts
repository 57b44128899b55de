import { performance } from "node:perf_hooks";
import { type Architecture, type CausalModel, measureStep } from "../../src/models/index.ts";
import { optimizerSettings } from "../../src/optim/index.ts";
import {
  createDevice,
  createProfiler,
  nativeAvailable,
  PhiloxStream,
  type Precision,
  type Profile,
} from "../../src/tensor/index.ts";
import { createCpuDevice } from "../../src/tensor/cpu/device.ts";
import {
  type Batch,
  causalLoss,
  type Objective,
  outlineArray,
  trainedModel,
  trainedOf,
  Trainer,
} from "../../src/train/index.ts";
import { architectureOf, type Shape } from "./shapes.ts";

export interface OursTask {
  readonly shape: Shape;
  readonly steps: number;
  readonly threads: number;
  /** What products compute in. */
  readonly precision: Precision;
  readonly profile: boolean;
  /** Whether activations are computed again in backward. */
  readonly checkpointing: boolean;
}

export interface OursResult {
  readonly device: string;
  readonly instructionSet: string;
  readonly parameters: number;
  /** Floating-point operations of a step, by the count of the meta device. */
  readonly flops: number;
  /** Of each step. */
  readonly seconds: readonly number[];
  /** What the threads reach in registers alone, measured after each step; 0 where the kernels are not native. */
  readonly peakGflops: readonly number[];
  readonly peakRssMb: number;
  /** Resident before the model was made: Node and the program. */
  readonly baseRssMb: number;
  /** What the meta device says that model, optimizer and activations take. */
  readonly predictedMb: number;
  readonly profile: Profile | undefined;
}

const WARM_UP = 2;
const MiB = 2 ** 20;

/** Trains on made-up tokens, in this process: forward, backward, clip, AdamW. Memory peaks are the process's own. */
export async function measureOurs(task: OursTask): Promise<OursResult> {
  const { shape, steps, threads, precision, checkpointing } = task;
  const { batch: B, T } = shape;
  const architecture = architectureOf(shape);
  const settings = optimizerSettings.parse({ name: "adamw" });
  const native = nativeAvailable();
  const inner = createDevice(native.available ? "cpu" : "reference", { threads, precision });
  const meter = native.available ? createCpuDevice({ threads }) : undefined;
  const profiler = task.profile ? createProfiler(inner) : undefined;
  const device = profiler?.device ?? inner;
  const cost = measureStep(architecture, { B, T, optimizer: settings, checkpointing });
  const baseRssMb = process.memoryUsage.rss() / MiB;
  const arena = device.createArena();
  const objective = madeUpData(shape, architecture);
  const models = { model: objective.models.model.create(device, 1) };
  const trainer = new Trainer({
    objective,
    models,
    trained: trainedOf(objective.models, models, settings),
    device,
    schedule: () => 1,
    learningRate: settings.learning_rate,
    clip: 1,
    seed: 1,
    checkpointing,
    arena,
  });
  const [seconds, peakGflops]: [number[], number[]] = [[], []];
  let profile: Profile | undefined;
  for (let step = 0; step < steps + WARM_UP; step++) {
    if (step === WARM_UP) await profiler?.reset();
    const before = performance.now();
    await trainer.step(step);
    if (step < WARM_UP) continue;
    seconds.push((performance.now() - before) / 1000);
    if (step === steps + WARM_UP - 1) profile = await profiler?.report();
    // Between the steps, so that another program's load touches both. Not where a profile counts the time.
    if (profiler === undefined) peakGflops.push(meter?.measurePeakGflops(0.02) ?? 0);
  }
  const peakRssMb = process.resourceUsage().maxRSS / 1024;
  arena.dispose();
  inner.dispose();
  meter?.dispose();
  return {
    device: inner.name,
    instructionSet: native.instructionSet ?? "",
    parameters: cost.parameters,
    flops: cost.flopsPerStep,
    seconds,
    peakGflops,
    peakRssMb,
    baseRssMb,
    predictedMb: cost.totalBytes / MiB,
    profile,
  };
}

function madeUpData(
  { vocabulary, batch: B, T }: Shape,
  architecture: Architecture,
): Objective<{ readonly model: CausalModel }> {
  const random = new PhiloxStream(1);
  const draw = (): Int32Array => Int32Array.from({ length: B * T }, () => random.below(vocabulary));
  const sizes = { B, T, normalizer: B * T };
  const batch: Batch = { ...sizes, tokens: draw(), targets: draw() };
  return {
    models: { model: trainedModel(architecture) },
    outline: () => ({ ...sizes, tokens: outlineArray(B * T), targets: outlineArray(B * T) }),
    loss: (tape, { model }, read) => ({ loss: causalLoss(tape, model, read).loss }),
    stepsPerEpoch: 1,
    next: () => Promise.resolve({ batches: [batch], tokens: B * T }),
    endTokens: [],
    fingerprint: "",
    warnings: [],
    close: () => Promise.resolve(),
  };
}
