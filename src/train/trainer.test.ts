import { describe, expect, it } from "vitest";
import { type CausalModel, resolveArchitecture } from "../models/index.ts";
import { createSchedule, optimizerSettings, type Schedule } from "../optim/index.ts";
import { type Collective, createDevice, type Device, PhiloxStream, single, type Storage } from "../tensor/index.ts";
import { NuwaError } from "../text/errors.ts";
import { causalLoss } from "./objectives/causal-loss.ts";
import { heldOutLoss } from "./objectives/held-out.ts";
import { trainedModel, trainedOf } from "./objectives/models.ts";
import {
  type Batch,
  type HeldOutScore,
  type Objective,
  outlineArray,
  type StepBatches,
} from "./objectives/objective.ts";
import { Trainer } from "./trainer.ts";

const V = 11;
const T = 8;

/** Windows of a fixed pseudo-random text. */
function randomBatch(B: number, stream: number): Batch & { readonly targets: Int32Array } {
  const random = new PhiloxStream(5, [stream, 0, 0]);
  const tokens = Int32Array.from({ length: B * T }, () => random.below(V));
  const targets = Int32Array.from({ length: B * T }, () => random.below(V));
  return { B, T, tokens, targets, normalizer: B * T };
}

type Models = { readonly model: CausalModel };

const architecture = (dropout = 0) =>
  resolveArchitecture({
    vocab_size: V,
    hidden_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    max_position_embeddings: T,
    zero_init_projections: false,
    dropout,
  });

type MadeUp = (dropout: number) => Objective<Models>;

function objectiveOf(step: (step: number) => StepBatches): MadeUp {
  return (dropout) => ({
    models: { model: trainedModel(architecture(dropout)) },
    outline: (B) => ({ B, T, tokens: outlineArray(B * T), targets: outlineArray(B * T), normalizer: B * T }),
    loss: (tape, { model }, batch) => ({ loss: causalLoss(tape, model, batch).loss }),
    stepsPerEpoch: 1,
    next: (n) => Promise.resolve(step(n)),
    endTokens: [],
    fingerprint: "",
    warnings: [],
    close: () => Promise.resolve(),
  });
}

interface Setup {
  readonly objective: MadeUp;
  readonly optimizer?: object;
  readonly clip?: number;
  readonly schedule?: Schedule;
  readonly dropout?: number;
  readonly device?: Device;
  readonly collective?: Collective;
}

function setup(options: Setup) {
  const { objective, optimizer = { name: "adamw" }, clip = 1, schedule = () => 1, dropout = 0 } = options;
  const { device = createDevice("reference") } = options;
  const made = objective(dropout);
  const model = made.models.model.create(device, 3);
  const models = { model };
  const settings = optimizerSettings.parse(optimizer);
  const arena = device.createArena();
  const trainer = new Trainer({
    objective: made,
    models,
    trained: trainedOf(made.models, models, settings),
    device,
    schedule,
    learningRate: settings.learning_rate,
    clip,
    seed: 1,
    arena,
    ...(options.collective && { collective: options.collective }),
  });
  const weights = (): number[] => [...model.parameters].flatMap((parameter) => [...parameter.toArray()]);
  return { trainer, model, weights, arena };
}

/** Ranks in one thread that take turns: each waits in an all-reduce until all have come to it. */
function lockstep(devices: readonly Device[]): { readonly ranks: Collective[]; readonly lengths: number[][] } {
  let waiting: { readonly device: Device; readonly x: Storage; readonly go: () => void }[] = [];
  const lengths = devices.map((): number[] => []);
  const ranks = devices.map(
    (device, rank): Collective => ({
      ...single,
      rank,
      size: devices.length,
      allReduce: (x) =>
        new Promise((resolve, reject) => {
          lengths[rank]?.push(x.length);
          waiting.push({ device, x, go: resolve });
          if (waiting.length < devices.length) return;
          const all = waiting;
          waiting = [];
          const add = async (): Promise<void> => {
            const sum = new Float64Array(x.length);
            for (const one of all)
              for (const [i, value] of (await one.device.read(one.x)).entries()) sum[i] = (sum[i] ?? 0) + value;
            for (const one of all) one.device.write(one.x, sum);
            for (const one of all) one.go();
          };
          add().catch(reject);
        }),
    }),
  );
  return { ranks, lengths };
}

/** The reference device without its synchronous read; reads come a turn late, and are counted. */
function asynchronousDevice(): { readonly device: Device; readonly reads: number[] } {
  const inner = createDevice("reference");
  const reads: number[] = [];
  const read: Device["read"] = async (storage) => {
    reads.push(storage.length);
    const values = await inner.read(storage);
    return new Promise((resolve) => {
      setImmediate(() => resolve(values));
    });
  };
  const device = new Proxy(inner, {
    get(target, name) {
      if (name === "read") return read;
      if (name === "readNow") return undefined;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function"
        ? (...args: unknown[]): unknown => Reflect.apply(member, target, args)
        : member;
    },
  });
  return { device, reads };
}

/** Mean of tokenwise losses with equal weights. */
function whole(...batches: Batch[]): StepBatches {
  const tokens = batches.reduce((sum, { B }) => sum + B * T, 0);
  return { batches: batches.map((batch) => ({ ...batch, normalizer: tokens })), tokens };
}

describe("Trainer", () => {
  it("learns one batch by heart", async () => {
    const one = randomBatch(2, 0);
    const { trainer } = setup({
      objective: objectiveOf(() => whole(one)),
      optimizer: { name: "adamw", learning_rate: 0.02, weight_decay: 0 },
    });
    const first = await trainer.step(0);
    expect(Math.abs(first.loss - Math.log(V))).toBeLessThan(0.1);
    let last = first;
    for (let step = 1; step < 150; step++) last = await trainer.step(step);
    expect(last.loss).toBeLessThan(0.02);
  });

  it("gives the same weights for two micro-batches as for both in one", async () => {
    const [a, b] = [randomBatch(2, 1), randomBatch(2, 2)];
    const join = (one: ArrayLike<number>, other: ArrayLike<number>) =>
      Int32Array.from([...Array.from(one), ...Array.from(other)]);
    const tokens = join(a.tokens, b.tokens);
    const together: Batch = { B: 4, T, tokens, targets: join(a.targets, b.targets), normalizer: 4 * T };
    const split = setup({ objective: objectiveOf(() => whole(a, b)) });
    const joined = setup({ objective: objectiveOf(() => whole(together)) });
    for (let step = 0; step < 3; step++) {
      const one = await split.trainer.step(step);
      const other = await joined.trainer.step(step);
      expect(one.loss).toBeCloseTo(other.loss, 10);
      expect(one.gradientNorm).toBeCloseTo(other.gradientNorm, 8);
    }
    const expected = joined.weights();
    // Adam divides by the gradient's size, so gradients near 0 enlarge rounding; weights are about 0.02
    for (const [i, weight] of split.weights().entries()) expect(weight).toBeCloseTo(expected[i] ?? 0, 6);
  });

  it("lets a token of weight 0 teach nothing, and one of weight 2 as much as two", async () => {
    const batch = randomBatch(1, 3);
    const weights = new Float32Array(T).fill(0);
    weights[2] = 2;
    const only = Int32Array.from(batch.targets, (target, i) => (i === 2 ? target : -1));
    const weighted = setup({
      objective: objectiveOf(() => ({ batches: [{ ...batch, weights, normalizer: 2 }], tokens: T })),
    });
    const alone = setup({
      objective: objectiveOf(() => ({ batches: [{ ...batch, targets: only, normalizer: 1 }], tokens: T })),
    });
    const one = await weighted.trainer.step(0);
    const other = await alone.trainer.step(0);
    expect(one.loss).toBeCloseTo(other.loss, 10);
    expect(one.gradientNorm).toBeCloseTo(other.gradientNorm, 8);
  });

  it("applies the schedule: the rate reported is the rate used, and a rate of 0 changes nothing", async () => {
    const objective = objectiveOf((step) => whole(randomBatch(2, step)));
    const schedule = createSchedule({ name: "linear", warmup_steps: 2, final_ratio: 0 }, 4);
    const { trainer, weights } = setup({ objective, schedule });
    const rates = [];
    for (let step = 0; step < 4; step++) rates.push((await trainer.step(step)).learningRate);
    const full = 1e-3;
    for (const [i, expected] of [full / 3, (2 * full) / 3, full, full / 2].entries()) {
      expect(rates[i]).toBeCloseTo(expected, 12);
    }
    const before = weights();
    await trainer.step(4); // the line has reached 0
    expect(weights()).toEqual(before);
  });

  it("clips: gradients above the norm move plain momentum no further than the norm allows", async () => {
    const objective = objectiveOf(() => whole(randomBatch(2, 0)));
    const free = setup({ objective, clip: Infinity });
    const clipped = setup({ objective, clip: 1e-3 });
    // Adam is blind to the gradient's scale, except for epsilon
    const optimizer = { name: "adamw", epsilon: 1, weight_decay: 0 };
    const freeByScale = setup({ objective, clip: Infinity, optimizer });
    const clippedByScale = setup({ objective, clip: 1e-3, optimizer });
    expect((await free.trainer.step(0)).gradientNorm).toBe((await clipped.trainer.step(0)).gradientNorm);
    const start = setup({ objective }).weights();
    const moved = async ({ trainer, weights }: typeof free): Promise<number> => {
      await trainer.step(0);
      return Math.hypot(...weights().map((weight, i) => weight - (start[i] ?? 0)));
    };
    const ratio = (await moved(clippedByScale)) / (await moved(freeByScale));
    expect(ratio).toBeLessThan(0.01);
  });

  it("drops the same activations for the same step, whatever came before it", async () => {
    const objective = objectiveOf(() => whole(randomBatch(2, 0)));
    const rate0 = { objective, dropout: 0.5, schedule: () => 0 };
    const a = setup(rate0);
    const b = setup(rate0);
    const losses = [];
    for (let step = 0; step < 3; step++) losses.push((await a.trainer.step(step)).loss);
    expect((await b.trainer.step(2)).loss).toBe(losses[2]);
    expect(new Set(losses).size).toBe(3);
  });

  it.each(["adamw", "muon", "adafactor", "lion", "sgd"])(
    "reads once a step, at its end, one small vector; a device that answers later gets the same (%s)",
    async (name) => {
      const objective = objectiveOf((step) => whole(randomBatch(2, 2 * step), randomBatch(1, 2 * step + 1)));
      const { device, reads } = asynchronousDevice();
      const [later, now] = [
        setup({ objective, optimizer: { name }, clip: 0.5, device }),
        setup({ objective, optimizer: { name }, clip: 0.5 }),
      ];
      for (let step = 0; step < 4; step++) {
        expect(await later.trainer.step(step)).toEqual(await now.trainer.step(step));
        expect(reads).toHaveLength(step + 1);
      }
      expect(Math.max(...reads)).toBeLessThanOrEqual(4);
      const weights = [...later.model.parameters].map((parameter) => parameter.read());
      expect((await Promise.all(weights)).flatMap((values) => [...values])).toEqual(now.weights());
    },
  );

  it.each([2, 4])("%d ranks with a share of the batches each train the model of one with all of them", async (size) => {
    const share = (rank: number) => (step: number) => {
      const batch = { ...randomBatch(1, 10 * step + rank), normalizer: size * T };
      return { batches: [batch], tokens: T };
    };
    const everything = (step: number): StepBatches => ({
      batches: Array.from({ length: size }, (_, rank) => share(rank)(step).batches).flat(),
      tokens: size * T,
    });
    const devices = Array.from({ length: size }, () => createDevice("reference"));
    const { ranks, lengths } = lockstep(devices);
    const optimizer = { name: "sgd", learning_rate: 0.1 };
    const parts = ranks.map((collective, rank) => {
      const [objective, device] = [objectiveOf(share(rank)), devices[rank] ?? createDevice("reference")];
      return setup({ objective, optimizer, clip: 0.3, device, collective });
    });
    const alone = setup({ objective: objectiveOf(everything), optimizer, clip: 0.3 });
    for (let step = 0; step < 4; step++) {
      const expected = await alone.trainer.step(step);
      for (const found of await Promise.all(parts.map(({ trainer }) => trainer.step(step)))) {
        expect(found.loss).toBeCloseTo(expected.loss, 12);
        expect(found.gradientNorm).toBeCloseTo(expected.gradientNorm, 12);
      }
    }
    const weights = alone.weights();
    for (const part of parts) {
      expect(part.weights()).toEqual(parts[0]?.weights());
      for (const [i, weight] of part.weights().entries()) expect(weight).toBeCloseTo(weights[i] ?? 0, 12);
    }
    // A step reduces the sums, and then all gradients at once: those of a model lie in one buffer.
    expect(lengths[0]?.[0]).toBe(1);
    expect(lengths[0]?.[1]).toBeGreaterThanOrEqual(alone.model.parameters.totalElements);
    expect(lengths[0]).toHaveLength(8);
  });

  it("stops when a weight is not finite, names step, rate and parameter, and leaves the weights alone", async () => {
    const { trainer, model, weights } = setup({ objective: objectiveOf(() => whole(randomBatch(2, 0))) });
    const broken = model.parameters.byName("model.layers.0.self_attn.o_proj.weight");
    model.device.fill(broken.storage, Number.NaN);
    const before = weights();
    const error = await trainer.step(6).catch((thrown: unknown) => thrown);
    if (!(error instanceof NuwaError)) throw error;
    expect(error.code).toBe("TRAINING");
    expect(error.message).toMatch(/^loss NaN and gradient norm NaN at step 7 \(learning rate 0.001, first non-finite/);
    expect(error.message).toMatch(/gradient in model\./);
    expect(error.hint).toMatch(/learning rate/);
    expect(weights()).toEqual(before);
  });
});

describe("heldOutLoss", () => {
  const evaluate = (
    { model, arena }: Pick<ReturnType<typeof setup>, "model" | "arena">,
    batches: Batch[],
    { isCancelled = () => false, ...text }: { isCancelled?: () => boolean; bytes?: number; characters?: number } = {},
  ): Promise<HeldOutScore | undefined> =>
    heldOutLoss({ ...text, batches: () => batches, model: (models: Models) => models.model }).evaluate(
      { model },
      { arena, isCancelled },
    );

  it("means over the tokens that count, in nats and in bits per byte, and leaves dropout out", async () => {
    const { model, arena } = setup({ objective: objectiveOf(() => whole(randomBatch(1, 0))), dropout: 0.5 });
    for (const parameter of model.parameters) model.device.fill(parameter.storage, 0); // every token is 1 of V
    const batch = randomBatch(2, 4);
    batch.targets.fill(-1, 10);
    const score = await evaluate({ model, arena }, [batch], { bytes: 20, characters: 10 });
    if (score === undefined) throw new Error("was cancelled");
    expect(score.tokens).toBe(10);
    expect(score.loss).toBeCloseTo(Math.log(V), 10);
    expect(score.perplexity).toBeCloseTo(V, 8);
    expect(score.bitsPerCharacter).toBeCloseTo(Math.log2(V), 10);
    expect(score.bitsPerByte).toBeCloseTo(Math.log2(V) / 2, 10);
  });

  it("weights tokens", async () => {
    const { model, arena } = setup({ objective: objectiveOf(() => whole(randomBatch(1, 0))) });
    const batch = randomBatch(1, 4);
    const at = async (position: number): Promise<number> => {
      const weights = new Float32Array(T);
      weights[position] = 1;
      return (await evaluate({ model, arena }, [{ ...batch, weights }]))?.loss ?? Number.NaN;
    };
    const both = new Float32Array(T);
    both[1] = 3;
    both[5] = 1;
    const score = await evaluate({ model, arena }, [{ ...batch, weights: both }]);
    expect(score?.tokens).toBe(2);
    expect(score?.loss).toBeCloseTo((3 * (await at(1)) + (await at(5))) / 4, 10);
  });

  it("ends at once when it is cancelled", async () => {
    const { model, arena } = setup({ objective: objectiveOf(() => whole(randomBatch(1, 0))) });
    expect(await evaluate({ model, arena }, [randomBatch(1, 4)], { isCancelled: () => true })).toBeUndefined();
  });
});
