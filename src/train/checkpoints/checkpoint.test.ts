import { copyFile, mkdir, mkdtemp, readdir, readFile, readlink, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCausal, loadModel, resolveArchitecture } from "../../models/index.ts";
import { createOptimizer, optimizerSettings } from "../../optim/index.ts";
import { createDevice } from "../../tensor/index.ts";
import {
  findResumable,
  listCheckpoints,
  loadTrainerTensors,
  pointCheckpoint,
  pruneCheckpoints,
  readState,
  settleCheckpoints,
  type TrainerState,
  writeCheckpoint,
} from "./checkpoint.ts";

let root: string;
let folder: string;
let tokenizer: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "nuwa-checkpoint-"));
  folder = join(root, "checkpoints");
  tokenizer = join(root, "tokenizer");
  await mkdir(tokenizer);
  await writeFile(join(tokenizer, "tokenizer.json"), '{"version":"1.0"}');
  await writeFile(join(tokenizer, "notes.txt"), "not part of a model");
});
afterEach(() => rm(root, { recursive: true }));

function state(step: number): TrainerState {
  return {
    stage: "pretrain",
    step,
    seed: 1,
    tokens: step * 10,
    elapsed_s: 1.5,
    loss: 2,
    best: null,
    evaluation_due: false,
    kernels: "reference",
    settings: { steps: "100" },
  };
}

function fresh(seed = 1) {
  const device = createDevice("reference");
  const architecture = resolveArchitecture({
    vocab_size: 9,
    hidden_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 2,
  });
  const model = createCausal(architecture, device, { seed });
  return {
    name: "model",
    device,
    model,
    optimizer: createOptimizer(optimizerSettings.parse({ name: "muon" }), model.parameters),
  };
}

/** Three updates from made-up gradients, so that weights and moments are no longer float32 numbers. */
function trained() {
  const made = fresh();
  for (let step = 0; step < 3; step++) {
    for (const parameter of made.model.parameters) {
      made.device.fill(parameter.grad.storage, 1 / (3 + step));
      parameter.gradReady = true;
    }
    made.optimizer.step({ learningRateScale: 1 });
  }
  return made;
}

async function write(step: number, writer?: (path: string, text: string) => Promise<void>): Promise<string> {
  return writeCheckpoint(folder, { trained: [trained()], tokenizer, state: state(step) }, writer);
}

function bits({
  model,
  optimizer,
}: Pick<ReturnType<typeof fresh>, "model" | "optimizer">): (readonly [string, number[]])[] {
  const all = [...[...model.parameters].map((parameter) => [parameter.name, parameter] as const), ...optimizer.state()];
  return all.map(([name, tensor]) => [name, [...tensor.toArray()]]);
}

describe("a checkpoint", () => {
  it("is a Hugging Face directory with the tokenizer, and the trainer's state beside it", async () => {
    const path = await write(500);
    expect(path).toBe(join(folder, "step-000500"));
    expect((await readdir(path)).toSorted()).toEqual([
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "state.json",
      "state.safetensors",
      "tokenizer.json",
    ]);
    expect(await readdir(folder)).toEqual(["step-000500"]);
    expect(await readState(path)).toEqual(state(500));
  });

  it("brings back every bit of weights and optimizer, in float64 too", async () => {
    const before = trained();
    const path = await writeCheckpoint(folder, { trained: [before], tokenizer, state: state(3) });
    const { device, ...after } = fresh(2);
    const model = await loadModel(path, device);
    await loadTrainerTensors(path, { model, optimizer: after.optimizer }, 3);
    expect(after.optimizer.steps).toBe(3);
    // the optimizer above belongs to another model; make one for the loaded weights
    const optimizer = createOptimizer(optimizerSettings.parse({ name: "muon" }), model.parameters);
    await loadTrainerTensors(path, { model, optimizer }, 3);
    expect(bits({ model, optimizer })).toEqual(bits(before));
  });

  it.each([
    ["a weight file cut short", (path: string) => truncate(join(path, "model.safetensors"), 100), /cut short/],
    ["a missing file", (path: string) => rm(join(path, "state.safetensors")), /is missing/],
    ["a cut state", (path: string) => truncate(join(path, "state.json"), 40), /cut short/],
    ["no state", (path: string) => rm(join(path, "state.json")), /is missing/],
    [
      "a changed step",
      async (path: string) => {
        const file = join(path, "state.json");
        await writeFile(file, (await readFile(file, "utf8")).replace('"step": 20', '"step": 21'));
      },
      /damaged/,
    ],
    [
      "a flipped bit",
      async (path: string) => {
        const file = join(path, "model.safetensors");
        const bytes = await readFile(file);
        bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
        await writeFile(file, bytes);
      },
      /bytes have changed/,
    ],
  ])("with %s is found out, and the one before it used", async (_, damage, message) => {
    await write(10);
    const path = await write(20);
    await damage(path);
    await expect(readState(path)).rejects.toMatchObject({
      code: "CHECKPOINT",
      message: expect.stringMatching(message),
    });
    const warnings: string[] = [];
    const found = await findResumable(folder, (warning) => warnings.push(warning));
    expect(found?.state.step).toBe(10);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^step-000020 cannot be used/);
  });

  it("that a full disk interrupts leaves the ones before it whole", async () => {
    await write(10);
    const full = () => Promise.reject(Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" }));
    await expect(write(20, full)).rejects.toMatchObject({
      code: "FILE",
      message: expect.stringMatching(/disk is full/),
    });
    expect(await readdir(folder)).toEqual(["step-000010"]);
    expect((await readState(join(folder, "step-000010"))).step).toBe(10);
  });
});

describe("the checkpoint folder", () => {
  it("has nothing to resume when it is not there", async () => {
    expect(await findResumable(folder, () => undefined)).toBeUndefined();
    expect(await listCheckpoints(folder)).toEqual([]);
  });

  it("keeps the newest and the best", async () => {
    for (const step of [10, 20, 30, 40]) await write(step);
    await pruneCheckpoints(folder, 2, 10);
    expect((await listCheckpoints(folder)).map(({ step }) => step)).toEqual([40, 30, 10]);
  });

  it("is set right before a run goes on: newer checkpoints go, links point where the state says", async () => {
    for (const step of [10, 20, 30]) await write(step);
    await pointCheckpoint(folder, "latest", 30);
    await pointCheckpoint(folder, "best", 30);
    const warnings: string[] = [];
    await settleCheckpoints(folder, { ...state(20), best: { step: 10, val_loss: 1 } }, (w) => warnings.push(w));
    expect((await listCheckpoints(folder)).map(({ step }) => step)).toEqual([20, 10]);
    expect(await readlink(join(folder, "latest"))).toBe("step-000020");
    expect(await readlink(join(folder, "best"))).toBe("step-000010");
    expect(warnings).toEqual([]);
    await settleCheckpoints(folder, undefined, (w) => warnings.push(w));
    expect(await readdir(folder)).toEqual([]);
    expect(warnings).toHaveLength(1);
  });

  it("is cleared of what a killed run left", async () => {
    await write(10);
    await mkdir(join(folder, ".tmp-step-000020"));
    await copyFile(join(folder, "step-000010", "state.json"), join(folder, ".tmp-step-000020", "state.json"));
    await findResumable(folder, () => undefined);
    expect(await readdir(folder)).toEqual(["step-000010"]);
  });
});
