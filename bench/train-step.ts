/**
 * Tokens per second of a whole training step (forward, backward, clip, AdamW), on made-up data.
 *
 * node dist/bench/train-step.js [--shape R0|R1|R2|shakespeare|all] [--steps 20] [--threads N] [--json] [--profile]
 */
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { classicGpt, Gpt, type GptSettings, measureStep, resolveGptConfig } from "../src/models/index.ts";
import { createOptimizer, optimizerSettings } from "../src/optim/index.ts";
import { createDevice, createProfiler, formatProfile, nativeAvailable, PhiloxStream } from "../src/tensor/index.ts";
import type { Batch, Objective } from "../src/train/index.ts";
import { Trainer } from "../src/train/index.ts";

interface Shape {
  readonly model: Partial<GptSettings>;
  readonly vocabulary: number;
  readonly B: number;
  readonly T: number;
}

function gpt(layers: number, heads: number, width: number): Partial<GptSettings> {
  return { ...classicGpt, num_hidden_layers: layers, num_attention_heads: heads, hidden_size: width };
}

const shapes: Readonly<Record<string, Shape>> = {
  shakespeare: { model: gpt(4, 4, 128), vocabulary: 65, B: 12, T: 64 },
  R0: { model: gpt(4, 4, 128), vocabulary: 512, B: 16, T: 128 },
  R1: { model: gpt(6, 6, 384), vocabulary: 4096, B: 8, T: 256 },
  R2: { model: gpt(12, 12, 768), vocabulary: 50_257, B: 4, T: 512 },
};

function madeUpData({ vocabulary, B, T }: Shape): Objective {
  const random = new PhiloxStream(1);
  const draw = (): Int32Array => Int32Array.from({ length: B * T }, () => random.below(vocabulary));
  const batch: Batch = { B, T, tokens: draw(), targets: draw() };
  return {
    name: "next-token",
    shape: { B, T },
    stepsPerEpoch: 1,
    step: () => Promise.resolve({ batches: [batch], normalizer: B * T, tokens: B * T }),
    heldOut: undefined,
    fingerprint: "",
    warnings: [],
    close: () => Promise.resolve(),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function measure(name: string, shape: Shape, steps: number, threads: number | undefined) {
  const { B, T, vocabulary } = shape;
  const config = resolveGptConfig({ ...shape.model, vocab_size: vocabulary, max_position_embeddings: T });
  const settings = optimizerSettings.parse({ name: "adamw" });
  const cost = measureStep(config, { B, T, optimizer: settings });
  const inner = createDevice(
    nativeAvailable().available ? "cpu" : "reference",
    threads === undefined ? {} : { threads },
  );
  const profiler = values.profile ? createProfiler(inner) : undefined;
  const device = profiler?.device ?? inner;
  const arena = device.createArena();
  const model = new Gpt(config, device, { seed: 1 });
  const trainer = new Trainer({
    model,
    optimizer: createOptimizer(settings, model.parameters),
    objective: madeUpData(shape),
    schedule: () => 1,
    learningRate: settings.learning_rate,
    clip: 1,
    seed: 1,
    arena,
  });
  const warmUp = 2;
  const seconds: number[] = [];
  for (let step = 0; step < steps + warmUp; step++) {
    if (step === warmUp) profiler?.reset();
    const before = performance.now();
    await trainer.step(step);
    if (step >= warmUp) seconds.push((performance.now() - before) / 1000);
  }
  const { name: deviceName } = device;
  arena.dispose();
  device.dispose();
  if (profiler !== undefined) process.stderr.write(formatProfile(profiler.report(), steps));
  const time = median(seconds);
  return {
    shape: name,
    device: deviceName,
    parameters: cost.parameters,
    tokens_per_s: Math.round((B * T) / time),
    ms_per_step: Number((time * 1000).toPrecision(3)),
    gflops: Number((cost.flopsPerStep / time / 1e9).toPrecision(3)),
    predicted_mb: Math.round(cost.totalBytes / 2 ** 20),
    peak_rss_mb: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

const { values } = parseArgs({
  options: {
    shape: { type: "string", default: "shakespeare,R0,R1" },
    steps: { type: "string", default: "20" },
    threads: { type: "string" },
    json: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
  },
});
const names = values.shape === "all" ? Object.keys(shapes) : values.shape.split(",");
const results = [];
for (const name of names) {
  const shape = shapes[name];
  if (shape === undefined) {
    process.stderr.write(`unknown shape "${name}", expected one of: ${Object.keys(shapes).join(", ")}, all\n`);
    process.exit(2);
  }
  const threads = values.threads === undefined ? undefined : Number(values.threads);
  results.push(await measure(name, shape, Number(values.steps), threads));
}
if (values.json) process.stdout.write(`${JSON.stringify(results)}\n`);
else console.table(results);
