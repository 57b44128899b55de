import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nuwa, startNuwa } from "../../src/run/test-cli.ts";
import { writeCorpus } from "../../src/run/test-corpus.ts";
import { readMetrics } from "../../src/train/metrics/metrics.ts";
import { killedAfter } from "../helpers/killed-after.ts";

const built = (name: string): string => JSON.stringify(pathToFileURL(path.resolve(`dist/src/${name}/index.js`)).href);
const zod = JSON.stringify(pathToFileURL(createRequire(import.meta.url).resolve("zod")).href);

/** An optimizer with state, a schedule, and a device, of a user's own. */
const plugin = `
import { byDecay, defineOptimizer, defineSchedule, FlatOptimizer } from ${built("optim")};
import { defineDevice, ReferenceDevice } from ${built("tensor")};
import * as z from ${zod};

class HeavyBall extends FlatOptimizer {
  constructor(groups, friction) {
    super("heavy_ball", groups, ["velocity"]);
    this.friction = friction;
  }
  update({ device, values, gradients, state, learningRate }, { learningRateScale, gradientScale = null }) {
    const settings = { learningRate: learningRate * learningRateScale, momentum: 1 - this.friction };
    const plain = { nesterov: false, weightDecay: 0, decoupled: false };
    device.sgd(values, gradients, state("velocity"), gradientScale, { ...settings, ...plain });
  }
}

export default {
  optimizers: [
    defineOptimizer({
      name: "heavy_ball",
      summary: "A ball that rolls downhill.",
      keys: {
        learning_rate: z.number().positive().default(0.05).describe("Learning rate."),
        friction: z.number().gt(0).max(1).default(0.1).describe("Share of the velocity that is lost in a step."),
      },
      create: ({ learning_rate, friction }, parameters) => new HeavyBall(byDecay(parameters, learning_rate, 0), friction),
    }),
  ],
  schedules: [
    defineSchedule({
      name: "stairs",
      summary: "Half as much after each landing.",
      keys: { every: z.int().positive().describe("Steps between landings.") },
      create: ({ every }) => (step) => 0.5 ** Math.floor(step / every),
    }),
  ],
  devices: [
    defineDevice({
      name: "slow",
      summary: "The reference device by another name.",
      automatic: false,
      computes: true,
      status: () => ({ available: true }),
      create: (options) => new ReferenceDevice(options),
    }),
  ],
};
`;

const recipe = `
plugins: [plugin.mjs]
collect: {sources: [{files: texts}]}
tokenizer: {vocab_size: 300}
pack: {val_share: 0.1}
pretrain:
  model: {num_hidden_layers: 1, hidden_size: 16, num_attention_heads: 2}
  context: 16
  batch: 4
  steps: 20
  eval_every: 0
  sample_every: 0
  checkpoint_every: 3
  device: slow
  optimizer: {name: heavy_ball, friction: 0.2}
  schedule: {name: stairs, every: 4, warmup_steps: 2}
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "nuwa-door-optimizer-"));
  writeCorpus(path.join(folder, "texts"), 30);
  writeFileSync(path.join(folder, "r.yaml"), recipe);
  writeFileSync(path.join(folder, "plugin.mjs"), plugin);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Hashes of weights and of the optimizer's state. */
function hashes(name: string): string[] {
  const latest = path.join(folder, name, "checkpoints/latest");
  return ["model.safetensors", "state.safetensors"].map((file) =>
    createHash("sha256")
      .update(readFileSync(path.join(latest, file)))
      .digest("hex"),
  );
}

describe("a plugin's optimizer, schedule and device", () => {
  test("train in a recipe", { timeout: 120_000 }, () => {
    const whole = nuwa(["run", "r.yaml", "--dir", "whole"], folder);
    expect(whole.stderr).not.toContain("nuwa:");
    expect(whole.code).toBe(0);
    const steps = readMetrics(path.join(folder, "whole/metrics.jsonl")).filter((line) => line.type === "step");
    expect(steps).toHaveLength(20);
    const rates = [1 / 3, 2 / 3, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25];
    for (const [i, rate] of rates.entries()) expect(steps[i]?.lr).toBeCloseTo(0.05 * rate, 12);
    expect(steps.at(-1)?.loss).toBeLessThan((steps[0]?.loss ?? 0) - 0.05);
    const state = readFileSync(path.join(folder, "whole/checkpoints/latest/state.safetensors")).toString("latin1");
    expect(state).toContain("heavy_ball.velocity.model.embed_tokens.weight");
  });

  test("resume a killed run to the same bytes", { timeout: 240_000 }, async () => {
    const sign = path.join(folder, "killed/checkpoints/step-000003");
    let kills = 0;
    for (let attempt = 0; attempt < 6; attempt++) {
      const child = startNuwa(["run", "r.yaml", "--dir", "killed"], folder, attempt < 3 ? killedAfter(5, sign) : {});
      const [code] = (await once(child, "exit")) as [number | null];
      if (code === 0) break;
      kills++;
    }
    expect(kills).toBeGreaterThan(0);
    expect(hashes("killed")).toEqual(hashes("whole"));
  });

  test("have settings that are checked, with the nearest name", () => {
    const refused = (setting: string): string => nuwa(["run", "r.yaml", "--set", setting], folder).stderr;
    expect(refused("pretrain.optimizer.name=heavy_bell")).toContain('did you mean "heavy_ball"?');
    expect(refused("pretrain.optimizer.frictoin=0.3")).toContain('did you mean "pretrain.optimizer.friction"?');
    expect(refused("pretrain.optimizer.friction=3")).toMatch(/pretrain\.optimizer\.friction/);
    expect(refused("pretrain.schedule.name=stair")).toContain('did you mean "stairs"?');
    expect(refused("pretrain.device=slwo")).toContain('did you mean "slow"?');
    expect(refused("plugins=[]")).toMatch(/heavy_ball|slow|stairs/);
  });
});
