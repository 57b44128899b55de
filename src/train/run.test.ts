import { mkdir, readdir, readFile, readlink, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { nativeAvailable } from "../tensor/index.ts";
import { NuwaError } from "../text/errors.ts";
import { defaultSpecialTokens, saveTokenizer, trainCharacters } from "../tokenizer/index.ts";
import type { DoneEvent, TrainEvent } from "./events.ts";
import type { TrainJob } from "./job.ts";
import { readMetrics } from "./metrics/metrics.ts";
import { runTraining } from "./run.ts";
import { sftSettings } from "./objectives/dialogue.ts";
import { pretrainSettings } from "./objectives/next-token.ts";
import { corpus, fastestDevice, makeJob, type PretrainJob } from "./test-job.ts";

const roots: string[] = [];
afterEach(async () => {
  for (const root of roots.splice(0)) await rm(root, { recursive: true, force: true });
});

async function job(settings: Readonly<Record<string, unknown>> = {}, sentences?: number): Promise<PretrainJob> {
  const made = await makeJob(settings, sentences);
  roots.push(made.root);
  return made.job;
}

/** The same data and settings into another folder, some settings changed. */
function again(first: PretrainJob, folder: string, settings: Readonly<Record<string, unknown>> = {}): PretrainJob {
  return {
    ...first,
    directory: join(first.directory, "..", folder),
    settings: pretrainSettings.parse({ ...first.settings, ...settings }),
  };
}

interface Outcome {
  readonly done: DoneEvent;
  readonly events: readonly TrainEvent[];
}

/** Runs to the end, or until after `stopAfter` steps. */
async function run(trainJob: TrainJob, stopAfter = Infinity): Promise<Outcome> {
  const events: TrainEvent[] = [];
  let last = 0;
  const control = {
    get stopRequested() {
      return last >= stopAfter;
    },
  };
  const onEvent = (event: TrainEvent): void => {
    events.push(event);
    if (event.type === "step") last = event.step;
  };
  return { done: await runTraining(trainJob, onEvent, control), events };
}

/** Weights and optimizer state, as bytes. */
async function bytes({ done }: Outcome): Promise<readonly Buffer[]> {
  const files = ["model.safetensors", "state.safetensors"];
  return Promise.all(files.map((file) => readFile(join(done.checkpoint, file))));
}

async function failure(promise: Promise<unknown>): Promise<NuwaError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof NuwaError) return error;
  throw new Error(`expected a NuwaError, got ${String(error)}`);
}

describe("a training run", () => {
  it("tells what it does, and writes it down", async () => {
    const first = await job({ eval_every: 6, sample_every: 12, sample_tokens: 5, keep: 9 });
    const { done, events } = await run(first);
    const [started] = events;
    expect(started).toMatchObject({
      type: "started",
      device: fastestDevice,
      steps: 12,
      tokens_per_step: 64,
      resumed_from: 0,
    });
    const steps = events.filter((event) => event.type === "step");
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(steps.map(({ tokens }) => tokens).at(-1)).toBe(12 * 64);
    const evaluations = events.filter((event) => event.type === "eval");
    expect(evaluations.map(({ step, best }) => [step, best])).toEqual([
      [0, false],
      [6, true],
      [12, true],
    ]);
    // fresh weights know nothing: every one of the characters is as likely
    const vocabulary = Math.exp(evaluations[0]?.val_loss ?? 0);
    expect(evaluations[0]?.perplexity).toBeCloseTo(vocabulary, 6);
    expect(evaluations[0]?.bits_per_byte).toBeCloseTo((evaluations[0]?.val_loss ?? 0) / Math.LN2, 6); // ASCII
    expect(evaluations[0]?.bits_per_character).toBe(evaluations[0]?.bits_per_byte);
    expect(evaluations[2]?.val_loss).toBeLessThan(evaluations[0]?.val_loss ?? 0);
    expect(events.filter((event) => event.type === "sample").map(({ step }) => step)).toEqual([0, 12]);
    expect(events.filter((event) => event.type === "checkpoint").map(({ step }) => step)).toEqual([4, 6, 8, 12]);
    expect(done).toMatchObject({ step: 12, stopped: false, best: { step: 12 } });

    const metrics = readMetrics(join(first.directory, "metrics.jsonl"));
    expect(metrics).toEqual(events.filter(({ type }) => ["step", "eval", "sample"].includes(type)));
    const folder = join(first.directory, "checkpoints");
    expect(await readlink(join(folder, "latest"))).toBe("step-000012");
    expect(await readlink(join(folder, "best"))).toBe("step-000012");
    expect(await readdir(join(folder, "latest"))).toContain("tokenizer.json");
  });

  it("begins at the loss of a uniform guess", async () => {
    const { events } = await run(await job({ steps: 1, optimizer: { name: "adamw" } }));
    const step = events.find((event) => event.type === "step");
    const distinct = new Set(corpus(200)).size + 1; // and the end of text
    expect(Math.abs((step?.loss ?? 0) / Math.log(distinct) - 1)).toBeLessThan(0.01);
  });

  it("gives the same bytes twice, and others for another seed", async () => {
    const first = await job({ dropout: 0.1 });
    const one = await bytes(await run(first));
    expect(await bytes(await run(again(first, "two")))).toEqual(one);
    expect(await bytes(await run(again(first, "three", { seed: 2 })))).not.toEqual(one);
  });

  it("gives the same bytes however often it looks at itself", async () => {
    const first = await job();
    const one = await bytes(await run(first));
    const watched = again(first, "watched", { eval_every: 3, sample_every: 2, sample_tokens: 3, checkpoint_every: 5 });
    expect(await bytes(await run(watched))).toEqual(one);
  });

  it.each([
    ["adamw", fastestDevice],
    ["muon", fastestDevice],
    ["adamw", "reference"], // in float64, which its checkpoints have to keep
  ])("stopped and resumed, ends with the same bytes as uninterrupted (%s on %s)", async (name, device) => {
    const settings = { dropout: 0.1, accumulate: 2, batch: 2, optimizer: { name }, device, keep: 1, eval_every: 4 };
    const whole = await job(settings);
    const uninterrupted = await run(whole);
    const parts = again(whole, "parts");
    // after step 4, that is, before the evaluation which is due there: it has to come when the run goes on
    const stopped = await run(parts, 4);
    expect(stopped.done).toMatchObject({ step: 4, stopped: true, best: null });
    expect((await run(parts, 6)).done.step).toBe(6);
    const rest = await run(parts);
    expect(rest.events.find((event) => event.type === "started")).toMatchObject({ resumed_from: 6 });
    expect(await bytes(rest)).toEqual(await bytes(uninterrupted));
    expect(rest.done.best).toEqual(uninterrupted.done.best);
    // and the metrics tell one story, no step twice
    const story = (trainJob: PretrainJob) =>
      readMetrics(join(trainJob.directory, "metrics.jsonl")).map((line) =>
        line.type === "step" ? { ...line, tokens_per_s: 0, elapsed_s: 0 } : line,
      );
    expect(story(parts)).toEqual(story(whole));
  });

  it("that is complete already ends at once", async () => {
    const first = await job({ steps: 4 });
    const one = await run(first);
    const two = await run(first);
    expect(two.events.map(({ type }) => type)).toEqual(["started"]);
    expect(two.done).toMatchObject({ step: 4, stopped: false, checkpoint: one.done.checkpoint });
  });

  it("goes back to the checkpoint before a damaged one, with a warning, to the same bytes", async () => {
    const first = await job();
    const one = await run(first);
    const expected = await bytes(one);
    await truncate(join(one.done.checkpoint, "model.safetensors"), 1000);
    const two = await run(first);
    const warning = two.events.find((event) => event.type === "warning");
    expect(warning?.message).toMatch(/step-000012 cannot be used.*cut short/);
    expect(two.events.find((event) => event.type === "started")).toMatchObject({ resumed_from: 8 });
    expect(await bytes(two)).toEqual(expected);
  });

  it("refuses to go on with settings that matter changed, naming them; others may change", async () => {
    const first = await job();
    await run(first, 5);
    const changed = again(first, "run", { batch: 8, optimizer: { ...first.settings.optimizer, momentum: 0.9 } });
    const error = await failure(run(changed));
    expect(error.code).toBe("TRAINING");
    expect(error.message).toMatch(/: batch \(4 before, 8 now\), optimizer\.momentum \(0\.95 before, 0\.9 now\)$/);
    const harmless = again(first, "run", { eval_every: 3, keep: 5, log_every: 1, threads: 2, sample_every: 4 });
    expect((await run(harmless)).done.step).toBe(12);
  });

  it("refuses to go on with other data", async () => {
    const first = await job();
    await run(first, 5);
    const other = await job({}, 150);
    const error = await failure(run({ ...first, inputs: other.inputs }));
    expect(error.message).toMatch(/training_data/);
  });

  it("stops when the loss is not finite; the last good checkpoint stays", async () => {
    const first = await job({ checkpoint_every: 2 });
    await run(first, 2);
    // A learning rate of infinity cannot be asked for; weights that overflow can be loaded.
    const init = join(first.directory, "checkpoints", "step-000002");
    const file = join(init, "model.safetensors");
    const weights = await readFile(file);
    const start = 8 + Number(weights.readBigUInt64LE(0));
    weights.writeFloatLE(Number.NaN, start);
    weights.fill(weights.subarray(start, start + 4), start);
    const broken = join(first.directory, "..", "broken");
    await mkdir(broken);
    for (const name of await readdir(init)) await writeFile(join(broken, name), await readFile(join(init, name)));
    await writeFile(join(broken, "model.safetensors"), weights);
    const error = await failure(run({ ...again(first, "from-broken"), init: broken }));
    expect(error.code).toBe("TRAINING");
    expect(error.message).toMatch(/loss NaN and gradient norm NaN at step 1 \(learning rate .*model\./);
    expect(error.hint).toMatch(/learning rate/);
  });

  it("says so when the corpus is too small for the context, with both numbers", async () => {
    const error = await failure(run(await job({ context: 4096 }, 20)));
    expect(error.code).toBe("DATA");
    expect(error.message).toMatch(/has \d+ tokens, fewer than the 4097 of one context/);
  });

  it("says before training that a batch cannot fit memory, and which would", async () => {
    const error = await failure(run(await job({ batch: 2 ** 20, model: { hidden_size: 256 } })));
    expect(error.code).toBe("MEMORY");
    expect(error.message).toMatch(/^a batch of 1048576 needs about .* GiB of memory, and .* GiB are available$/);
    expect(error.hint).toMatch(/batch: \d+ would fit/);
  });

  it("says before training that a sample's prompt has unknown characters", async () => {
    const error = await failure(run(await job({ sample_prompts: ["Ω"] })));
    expect(error.code).toBe("DATA");
  });
});

describe("fine-tuning on dialogues", () => {
  async function sftJob(settings: Readonly<Record<string, unknown>>): Promise<TrainJob> {
    const base = await job({ steps: 2, context: 64 });
    const tokenizer = await trainCharacters(
      (async function* () {
        yield corpus(200);
      })(),
      { specialTokens: defaultSpecialTokens },
    );
    await saveTokenizer(base.tokenizer, tokenizer);
    const { packDocuments } = await import("../data/pack/tokens/index.ts");
    const document = { id: "1", text: corpus(200), source: "made up", meta: {} };
    await packDocuments([document], tokenizer, { outDir: base.inputs["pack"] ?? "", valShare: 0.1 });
    const { done } = await run(base);
    const folder = join(base.directory, "..", "dialogues");
    await mkdir(folder);
    const dialogues = ["cat", "dog", "bird", "fish"].map((name) => ({
      messages: [
        { role: "user", content: `the ${name}` },
        { role: "assistant", content: name === "fish" ? "river" : "tree" },
      ],
    }));
    const lines = dialogues.map((line) => `${JSON.stringify(line)}\n`).join("");
    await writeFile(join(folder, "train.jsonl"), `${lines}not json\n`);
    await writeFile(join(folder, "held-out.jsonl"), lines);
    return {
      stage: "sft",
      directory: join(base.directory, "..", "sft"),
      tokenizer: base.tokenizer,
      inputs: { dialogues: folder },
      init: done.checkpoint,
      settings: sftSettings.parse({
        device: fastestDevice,
        batch: 4,
        steps: 60,
        optimizer: { name: "adamw", learning_rate: 0.02 },
        sample_prompts: ["the fish"],
        sample_temperature: 0,
        eval_every: 30,
        checkpoint_every: 0,
        ...settings,
      }),
    };
  }

  it("learns the answers, and shows them", async () => {
    const sft = await sftJob({});
    const { done, events } = await run(sft);
    const evaluations = events.filter((event) => event.type === "eval");
    expect(evaluations.at(-1)?.val_loss).toBeLessThan(0.3);
    expect(evaluations[0]?.bits_per_byte).toBeUndefined();
    // tree, tree, tree, river: letters and the end of each answer
    expect(evaluations[0]?.tokens).toBe(3 * 5 + 6);
    const samples = events.filter((event) => event.type === "sample");
    expect(samples.at(-1)).toMatchObject({ prompt: "the fish", text: "river" });
    const warning = events.find((event) => event.type === "warning");
    expect(warning?.message).toMatch(/1 records of .*train.jsonl skipped, the first at .*:5: not a whole line/);
    expect(done.best?.step).toBe(60);
  });

  it("does not go on from a checkpoint of another stage", async () => {
    const sft = await sftJob({});
    const pretrained = join(sft.init ?? "", "..", "..");
    const error = await failure(run({ ...sft, directory: pretrained }));
    expect(error).toMatchObject({ code: "TRAINING", message: 'expected a checkpoint of "sft", got one of "pretrain"' });
  });

  it("stopped and resumed, ends with the same bytes, dropout added or not", async () => {
    const sft = await sftJob({ steps: 6, dropout: 0.2, packing: true });
    const whole = await run(sft);
    const parts = { ...sft, directory: `${sft.directory}-parts` };
    await run(parts, 3);
    expect(await bytes(await run(parts))).toEqual(await bytes(whole));
  });
});

describe.skipIf(!nativeAvailable().available)("on the cpu device (needs the native kernels)", () => {
  it("gives the same bytes with one thread and with two, and when resumed", async () => {
    const first = await job({ device: "cpu", threads: 1, dropout: 0.1, batch: 16, context: 32 });
    const one = await bytes(await run(first));
    expect(await bytes(await run(again(first, "two", { threads: 2 })))).toEqual(one);
    const parts = again(first, "parts", { threads: 2 });
    await run(parts, 7);
    expect(await bytes(await run(parts))).toEqual(one);
  });
});
