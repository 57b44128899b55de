import { afterAll, describe, expect, test } from "vitest";
import { createOptimizer, optimizerSettings } from "../../../optim/index.ts";
import { createDevice, type Device, nativeAvailable, PhiloxStream, Tape, type Tensor } from "../../../tensor/index.ts";
import { NuwaError } from "../../../text/index.ts";
import { type CausalModel, createCausal, type TokenBatch } from "../../causal-model.ts";
import { classicGpt, type GptSettings, llamaGpt, resolveGptConfig } from "../decoder/config.ts";
import { gpt } from "./family.ts";

const device = createDevice("reference");
const devices = nativeAvailable().available ? (["reference", "cpu"] as const) : (["reference"] as const);
/** For what takes many steps. */
const fastest = nativeAvailable().available ? "cpu" : "reference";
const arena = device.createArena();
afterAll(() => device.dispose());

const tiny = {
  vocab_size: 13,
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  max_position_embeddings: 8,
} as const;

/** Every choice of a config appears in one of them. */
const variants: Record<string, GptSettings> = {
  classic: { ...tiny, ...classicGpt, dropout: 0.2 },
  modern: { ...tiny, dropout: 0 },
  llama: { ...tiny, ...llamaGpt, num_attention_heads: 4, num_key_value_heads: 2 },
  "multi-query, normed with weights, tied": {
    ...tiny,
    norm: "rmsnorm",
    num_attention_heads: 4,
    num_key_value_heads: 1,
    head_dim: 4,
    activation: "silu",
    bias: true,
    tie_word_embeddings: true,
  },
};

const [B, T] = [2, 5];
const random = new PhiloxStream(3);
const draw = (count: number, below: number): number[] => Array.from({ length: count }, () => random.below(below));
const ids = draw(B * T, tiny.vocab_size);
const targets = draw(B * T, tiny.vocab_size);

const batchOf = (tape: Tape): TokenBatch => ({
  tokens: tape.constant(ids, [B, T], "int32"),
  targets: tape.constant(targets, [B, T], "int32"),
});

/** A model far from its initial state, where gradients of all parts are large enough to be checked. */
function shaken(settings: GptSettings, on: Device = device): CausalModel {
  const model = createCausal(gpt.resolve(settings), on, { seed: 5 });
  const noise = new PhiloxStream(11);
  for (const parameter of model.parameters) {
    on.write(
      parameter.storage,
      parameter.toArray().map((value) => value + 0.3 * noise.normal()),
    );
  }
  return model;
}

function logitsOf(model: CausalModel, tokens: readonly number[], rows = 1): Float64Array {
  const own = model.device.createArena();
  const tape = new Tape({ device: model.device, arena: own, recording: false, training: false });
  const hidden = model.hidden(tape, tape.constant(tokens, [rows, tokens.length / rows], "int32"));
  const logits = Float64Array.from(model.logits(tape, hidden).toArray());
  own.dispose();
  return logits;
}

describe.each(Object.entries(variants))("%s", (_name, settings) => {
  test("gradients of the whole model agree with finite differences", () => {
    const model = shaken(settings);
    const weights = ids.map((_, i) => (i === 3 ? 0 : 1 + i / 10));
    /** The same dropout mask each time: it depends on the seed and step alone. */
    const run = (recording: boolean): { tape: Tape; loss: Tensor } => {
      const tape = new Tape({ device, arena, recording, training: true, seed: 9, step: 4 });
      const { loss } = model.loss(
        tape,
        { ...batchOf(tape), weights: tape.constant(weights, [B, T]) },
        { normalizer: 7 },
      );
      return { tape, loss };
    };
    const { tape, loss } = run(true);
    tape.backward(loss);
    arena.reset();
    const lossNow = (): number => {
      const value = run(false).loss.toArray()[0] ?? Number.NaN;
      arena.reset();
      return value;
    };
    const h = 1e-5;
    for (const parameter of model.parameters) {
      expect(parameter.gradReady, parameter.name).toBe(true);
      const values = parameter.toArray();
      const gradient = parameter.grad.toArray();
      const stride = Math.max(1, Math.floor(values.length / 7)); // seven elements of each
      for (let i = 0; i < values.length; i += stride) {
        const original = values[i] ?? 0;
        const at = (value: number): number => {
          values[i] = value;
          device.write(parameter.storage, values);
          return lossNow();
        };
        const numeric = (at(original + h) - at(original - h)) / (2 * h);
        at(original);
        expect(Math.abs((gradient[i] ?? Number.NaN) - numeric), `${parameter.name}[${i}]`).toBeLessThan(1e-7);
      }
    }
    model.release();
  });

  test.each(devices)("on %s a future token never changes a past logit", (on) => {
    const own = createDevice(on);
    const model = shaken(settings, own);
    const before = logitsOf(model, ids, B);
    const changed = [...ids];
    changed[T - 2] = (ids[T - 2] ?? 0) === 0 ? 1 : 0; // first text, time step T - 2
    const after = logitsOf(model, changed, B);
    const past = (T - 2) * tiny.vocab_size;
    expect(after.subarray(0, past)).toEqual(before.subarray(0, past));
    expect(after.subarray(T * tiny.vocab_size)).toEqual(before.subarray(T * tiny.vocab_size)); // the other text
    expect(after.subarray(past, T * tiny.vocab_size)).not.toEqual(before.subarray(past, T * tiny.vocab_size));
    own.dispose();
  });

  test.each(devices)(
    "on %s cached logits equal uncached ones, in pieces of any size, and after the cache is cut back",
    (on) => {
      const own = createDevice(on);
      const model = shaken(settings, own);
      const expected = logitsOf(model, ids, B);
      const V = tiny.vocab_size;
      const cache = model.createCache(B, 7);
      const ownArena = own.createArena();
      const pieces = (sizes: readonly number[]): void => {
        for (const size of sizes) {
          const [start = 0] = cache.lengths;
          const tape = new Tape({ device: own, arena: ownArena, recording: false, training: false });
          const rows = Array.from({ length: B }, (_, b) => ids.slice(b * T + start, b * T + start + size));
          const hidden = model.hidden(tape, tape.constant(rows.flat(), [B, size], "int32"), { cache });
          const logits = model.logits(tape, hidden).toArray();
          for (let b = 0; b < B; b++) {
            for (let i = 0; i < size * V; i++) {
              const value = expected[(b * T + start) * V + i] ?? Number.NaN;
              expect(logits[b * size * V + i]).toBeCloseTo(value, on === "reference" ? 12 : 4);
            }
          }
          ownArena.reset();
        }
      };
      pieces([1, 3, 1]);
      cache.truncate(2);
      pieces([2, 1]);
      cache.reset();
      pieces([5]);
      expect(cache.lengths).toEqual([5, 5]);
      own.dispose();
    },
  );

  test("a text longer than the context or the cache is refused", () => {
    const model = createCausal(gpt.resolve(settings), device);
    expect(() => logitsOf(model, draw(9, 13))).toThrow(/at most 8 tokens, got 9/);
    const cache = model.createCache(1, 4);
    const tape = new Tape({ device, arena, recording: false, training: false });
    const long = tape.constant(draw(5, 13), [1, 5], "int32");
    expect(() => model.hidden(tape, long, { cache })).toThrow(NuwaError);
    expect(cache.lengths).toEqual([0]);
    expect(() => cache.truncate(1)).toThrow(NuwaError);
    arena.reset();
    cache.release();
    model.release();
  });
});

describe("initialisation", () => {
  const size = { vocab_size: 512, hidden_size: 64, num_hidden_layers: 4, num_attention_heads: 4 };

  test.each([
    { name: "classic", settings: { ...size, ...classicGpt } },
    { name: "llama", settings: { ...size, ...llamaGpt } },
    { name: "modern", settings: size },
    { name: "modern, tied", settings: { ...size, tie_word_embeddings: true } },
  ])("the initial loss of $name is ln(V) within one percent", ({ settings }) => {
    const own = createDevice(fastest);
    const model = createCausal(gpt.resolve(settings), own, { seed: 1 });
    const tape = new Tape({ device: own, arena: own.createArena(), recording: false, training: false });
    const tokens = tape.constant(draw(256, 512), [4, 64], "int32");
    const next = tape.constant(draw(256, 512), [4, 64], "int32");
    const { loss } = model.loss(tape, { tokens, targets: next }, { normalizer: 256 });
    const ratio = (loss.toArray()[0] ?? Number.NaN) / Math.log(512);
    expect(ratio).toBeGreaterThan(0.99);
    expect(ratio).toBeLessThan(1.01);
    own.dispose();
  });

  test("standard deviations are GPT-2's, or zero where the config says so", () => {
    const std = (model: CausalModel, name: string): number => {
      const values = model.parameters.byName(name).toArray();
      let squares = 0;
      for (const value of values) squares += value * value;
      return Math.sqrt(squares / values.length);
    };
    const classic = createCausal(gpt.resolve({ ...size, ...classicGpt }), device);
    expect(std(classic, "model.embed_tokens.weight") / 0.02).toBeCloseTo(1, 1);
    expect(std(classic, "model.layers.3.self_attn.q_proj.weight") / 0.02).toBeCloseTo(1, 1);
    const residual = 0.02 / Math.sqrt(8);
    expect(std(classic, "model.layers.0.self_attn.o_proj.weight") / residual).toBeCloseTo(1, 1);
    expect(std(classic, "model.layers.3.mlp.down_proj.weight") / residual).toBeCloseTo(1, 1);
    expect(std(classic, "model.layers.3.mlp.down_proj.bias")).toBe(0);
    expect(std(classic, "model.norm.weight")).toBe(1);
    const modern = createCausal(gpt.resolve(size), device);
    expect(std(modern, "model.layers.0.self_attn.o_proj.weight")).toBe(0);
    expect(std(modern, "model.layers.0.mlp.down_proj.weight")).toBe(0);
    expect(std(modern, "lm_head.weight")).toBe(0);
    expect(std(modern, "model.layers.0.mlp.up_proj.weight") / 0.02).toBeCloseTo(1, 1);
    classic.release();
    modern.release();
  });

  test.skipIf(!nativeAvailable().available)(
    "weights are the same on each device, and differ by seed and name (needs the native kernels)",
    () => {
      const architecture = gpt.resolve({ ...tiny, ...llamaGpt });
      const cpu = createDevice("cpu");
      const here = createCausal(architecture, device, { seed: 2 });
      const there = createCausal(architecture, cpu, { seed: 2 });
      for (const { name } of here.parameters) {
        expect([...there.parameters.byName(name).toArray()]).toEqual([...here.parameters.byName(name).toArray()]);
      }
      const other = createCausal(architecture, device, { seed: 3 });
      const query = "model.layers.0.self_attn.q_proj.weight";
      expect(other.parameters.byName(query).toArray()).not.toEqual(here.parameters.byName(query).toArray());
      const [up, gate] = ["up", "gate"].map((part) => here.parameters.byName(`model.layers.0.mlp.${part}_proj.weight`));
      expect(up?.toArray()).not.toEqual(gate?.toArray());
      for (const model of [here, there, other]) model.release();
      cpu.dispose();
    },
  );
});

test.each([
  { name: "classic", settings: { ...tiny, ...classicGpt }, optimizer: { name: "adamw", learning_rate: 0.02 } },
  { name: "modern", settings: tiny, optimizer: { name: "muon", head_learning_rate: 0.03 } },
])("$name: one batch is learned by heart", ({ settings, optimizer }) => {
  const own = createDevice(fastest);
  const ownArena = own.createArena();
  const model = createCausal(gpt.resolve({ ...settings, hidden_size: 16 }), own, { seed: 1 });
  const optimize = createOptimizer(optimizerSettings.parse(optimizer), model.parameters);
  let last = Infinity;
  for (let step = 0; step < 80; step++) {
    const tape = new Tape({ device: own, arena: ownArena, recording: true, training: true, step });
    // each text of different tokens, so that each target can be known from the past
    const tokens = tape.constant([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [2, 5], "int32");
    const next = tape.constant(targets, [2, 5], "int32");
    const { loss } = model.loss(tape, { tokens, targets: next }, { normalizer: 10 });
    tape.backward(loss);
    optimize.step({ learningRateScale: 1 });
    last = loss.toArray()[0] ?? Number.NaN;
    ownArena.reset();
  }
  expect(last).toBeLessThan(0.01);
  own.dispose();
});

describe("config", () => {
  test("what is left out follows from the rest", () => {
    const config = resolveGptConfig({ vocab_size: 100, hidden_size: 96, num_attention_heads: 6 });
    expect(config).toMatchObject({ num_key_value_heads: 6, head_dim: 16, intermediate_size: 384 });
    expect(resolveGptConfig({ vocab_size: 100, hidden_size: 4096, ...llamaGpt }).intermediate_size).toBe(10944);
    expect(resolveGptConfig({ ...config })).toEqual(config);
  });

  test.each([
    [{ vocab_size: 10, hiden_size: 64 }, /unknown key "hiden_size".*did you mean "hidden_size"/],
    [{ vocab_size: 0 }, /vocab_size/],
    [{ vocab_size: 10, activation: "gleu" }, /activation/],
    [{ vocab_size: 10, hidden_size: 30 }, /multiple of num_attention_heads \(4\) for hidden_size, got 30/],
    [{ vocab_size: 10, num_key_value_heads: 3 }, /divisor of num_attention_heads/],
    [{ vocab_size: 10, hidden_size: 12 }, /even size/],
  ])("%o is refused", (settings, message) => {
    const attempt = (): unknown => resolveGptConfig(settings, "recipe.yaml:3");
    expect(attempt).toThrow(NuwaError);
    let line = "";
    try {
      attempt();
    } catch (error) {
      if (error instanceof NuwaError) line = error.toLine();
    }
    expect(line).toMatch(message);
    expect(line).toMatch(/^recipe\.yaml:3/);
  });
});

describe.each(devices)("activation checkpointing on %s", (name) => {
  const on = createDevice(name);
  afterAll(() => on.dispose());

  /** Loss, and the gradients of two micro-batches with dropout. */
  function gradients(settings: GptSettings, checkpointing: boolean) {
    const model = shaken({ ...settings, num_hidden_layers: 3, dropout: 0.2 }, on);
    const own = on.createArena();
    const losses: unknown[] = [];
    for (let microBatch = 0; microBatch < 2; microBatch++) {
      const counters = { seed: 4, step: 7, microBatch };
      const tape = new Tape({ device: on, arena: own, recording: true, training: true, checkpointing, ...counters });
      const { loss } = model.loss(tape, batchOf(tape), { normalizer: 2 * B * T });
      losses.push(loss.toArray());
      tape.backward(loss);
      own.reset();
    }
    const all = [...model.parameters].map(({ name: parameter, grad }) => [parameter, grad.toArray()] as const);
    const { peakBytes } = own;
    own.dispose();
    model.release();
    return { results: { losses, gradients: Object.fromEntries(all) }, peakBytes };
  }

  test.each(Object.keys(variants))("%s: the same bits, in less memory", (variant) => {
    const settings = variants[variant];
    if (settings === undefined) throw new Error(variant);
    const [kept, again] = [gradients(settings, false), gradients(settings, true)];
    expect(again.results).toEqual(kept.results);
    expect(again.peakBytes).toBeLessThan(kept.peakBytes);
  });
});
