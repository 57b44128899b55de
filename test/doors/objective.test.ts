import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nuwa, startNuwa } from "../../src/run/test-cli.ts";
import { seeded, writeCorpus } from "../../src/run/test-corpus.ts";
import { readMetrics } from "../../src/train/metrics/metrics.ts";
import { killedAfter } from "../helpers/killed-after.ts";

const built = (name: string): string => JSON.stringify(pathToFileURL(path.resolve(`dist/src/${name}/index.js`)).href);
const zod = JSON.stringify(pathToFileURL(createRequire(import.meta.url).resolve("zod")).href);

/**
 * An objective of a user's: two models learn to give the logits of a frozen third one on prompts that this one has
 * continued by a token. Three steps share one rollout, and each rollout pulls more weakly than the one before it.
 */
const plugin = `
import { defineObjective, hasOneLength, oneLengthMessage, outlineArray, referenceModel, toDevice, trainedModel } from ${built("train")};
import { optimizerSettings } from ${built("optim")};
import { add, meanSquaredError, PhiloxStream, scale, slice, Tape } from ${built("tensor")};
import * as z from ${zod};

const [ROLLOUT, PROMPT] = [3, 6];
const T = PROMPT + 1;

/** tokens (B, T) -> logits (B, T, V) */
const logitsOf = (tape, model, tokens) => model.logits(tape, model.hidden(tape, tokens));

/** The frozen model's most probable token after each prompt: a read, since tokens are host data. */
async function continued(model, prompts, rows, arena) {
  const tape = new Tape({ device: model.device, arena, recording: false, training: false });
  const logits = logitsOf(tape, model, tape.constant(prompts, [rows, PROMPT], "int32"));
  const V = model.config.vocab_size;
  const values = await logits.read();
  const tokens = new Int32Array(rows * T);
  for (let b = 0; b < rows; b++) {
    tokens.set(prompts.subarray(b * PROMPT, (b + 1) * PROMPT), b * T);
    const last = values.subarray((b * PROMPT + PROMPT - 1) * V, (b + 1) * PROMPT * V);
    tokens[b * T + PROMPT] = last.indexOf(Math.max(...last));
  }
  arena.reset();
  return tokens;
}

const distil = defineObjective({
  name: "distil",
  version: 1,
  schema: (keys) => z
    .strictObject({ strength: z.number().positive().default(1).describe("How hard the first rollout pulls."), ...keys })
    .refine(hasOneLength, oneLengthMessage),
  description: "Learn to give another model's logits",
  reads: () => ["pack"],
  init: "required",
  model: "causal",
  defaultLength: { steps: 12 },
  report: { title: "Learning from another model", lead: "How far its logits are from those of the model that it learns from." },
  async prepare(settings, { job, tokenizer }) {
    const teacher = await referenceModel(job.init);
    const { batch, seed } = settings;
    let { strength } = settings;
    let rollout = undefined;
    const promptsOf = (stream, rows) => {
      const random = new PhiloxStream(seed, [stream, 0, 77]);
      return Int32Array.from({ length: rows * PROMPT }, () => random.below(tokenizer.vocabSize));
    };
    const batchOf = (tokens, rows) => ({ B: rows, T, tokens, targets: tokens, normalizer: 1 });
    return {
      models: {
        student: trainedModel(teacher.architecture),
        teacher,
        second: { ...trainedModel(teacher.architecture), optimizer: optimizerSettings.parse({ name: "sgd", learning_rate: 0.05 }) },
      },
      outline: (rows) => batchOf(outlineArray(rows * T), rows),
      rehearse: ({ teacher }, rows) => {
        const arena = teacher.device.createArena();
        const tape = new Tape({ device: teacher.device, arena, recording: false, training: false });
        logitsOf(tape, teacher, tape.empty([rows, PROMPT], "int32"));
        arena.dispose();
      },
      loss(tape, models, read) {
        const { tokens } = toDevice(tape, read);
        const wanted = logitsOf(tape, models.teacher, tokens);
        const [one, other] = [models.student, models.second].map((model) => meanSquaredError(tape, logitsOf(tape, model, tokens), wanted));
        return { loss: scale(tape, add(tape, one, other), strength), scalars: { distance: one, second_distance: other } };
      },
      stepsPerEpoch: 1000,
      async next(step, models, arena) {
        if (step % ROLLOUT === 0) {
          strength *= 0.9;
          rollout = await continued(models.teacher, promptsOf(step, batch), batch, arena);
        }
        return { batches: [batchOf(rollout, batch)], tokens: batch * T, scalars: { strength } };
      },
      heldOut: {
        async evaluate(models, { arena }) {
          const tokens = await continued(models.teacher, promptsOf(1e6, 4), 4, arena);
          const tape = new Tape({ device: models.student.device, arena, recording: false, training: false });
          const ids = tape.constant(tokens, [4, T], "int32");
          const distance = meanSquaredError(tape, logitsOf(tape, models.student, ids), logitsOf(tape, models.teacher, ids));
          const [loss] = await distance.read();
          arena.reset();
          return { loss, tokens: 4 * T, scalars: { root: Math.sqrt(loss) } };
        },
      },
      samples: { prompts: [{ text: "the", ids: tokenizer.encode("the") }], writer: (models) => models.student },
      endTokens: [tokenizer.eosId],
      isStepWhole: (step) => step % ROLLOUT === 0,
      state: { save: () => ({ strength }), load: (value) => ({ strength } = value) },
      fingerprint: "made up",
      warnings: ["prompts are made up"],
      close: async () => undefined,
    };
  },
});

export default { objectives: [distil] };
`;

const small = "steps: 6, batch: 4, eval_every: 0, sample_every: 0, checkpoint_every: 3";
const recipe = `
plugins: [plugin.mjs]
collect: {sources: [{files: texts}]}
tokenizer: {vocab_size: 300}
pack: {val_share: 0.1}
pretrain: {model: {num_hidden_layers: 1, hidden_size: 16, num_attention_heads: 2}, context: 16, ${small}}
distil: {${small.replace("steps: 6", "steps: 20")}, strength: 2, optimizer: {name: adamw, learning_rate: 0.003}}
eval:
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "nuwa-door-objective-"));
  writeCorpus(path.join(folder, "texts"), 30);
  writeFileSync(path.join(folder, "r.yaml"), recipe);
  writeFileSync(path.join(folder, "plugin.mjs"), plugin);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Hashes of all files of the objective's checkpoints but the state, which has times in it. */
function checkpoints(name: string): Record<string, string> {
  const root = path.join(folder, name, "distil/checkpoints");
  const files: Record<string, string> = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (!entry.isFile() || entry.name === "state.json") continue;
    files[path.relative(root, file)] = createHash("sha256").update(readFileSync(file)).digest("hex");
  }
  return files;
}

/** What the metrics say, without the times. */
function story(name: string): unknown[] {
  return readMetrics(path.join(folder, name, "distil/metrics.jsonl")).map((line) =>
    line.type === "step" ? { ...line, tokens_per_s: 0, elapsed_s: 0 } : line,
  );
}

describe("a plugin's objective", () => {
  test("trains in its place, in the worker, and plots what it gives to plot", { timeout: 120_000 }, () => {
    const whole = nuwa(["run", "r.yaml", "--dir", "whole"], folder);
    expect(whole.stderr).not.toContain("nuwa:");
    expect(whole.stderr).toContain("prompts are made up");
    expect(whole.code).toBe(0);
    const lines = readMetrics(path.join(folder, "whole/distil/metrics.jsonl"));
    const steps = lines.filter((line) => line.type === "step");
    // 20 steps end inside a rollout: the 21st makes it whole.
    expect(steps).toHaveLength(21);
    expect(steps.map(({ scalars }) => scalars?.["strength"])).toEqual(
      Array.from(
        { length: 21 },
        (_, step) => [1.8, 1.62, 1.458, 1.3122, 1.18098, 1.062882, 0.9565938][Math.floor(step / 3)],
      ).map((strength) => expect.closeTo(strength ?? Number.NaN, 10) as unknown),
    );
    for (const { loss, scalars } of steps) {
      const { distance = 0, second_distance: second = 0, strength = 0 } = scalars ?? {};
      expect(loss).toBeCloseTo(strength * (distance + second), 4);
    }
    const evaluations = lines.filter((line) => line.type === "eval");
    expect(evaluations.at(-1)?.val_loss).toBeLessThan(evaluations[0]?.val_loss ?? 0);
    expect(evaluations[0]?.scalars?.["root"]).toBeCloseTo(Math.sqrt(evaluations[0]?.val_loss ?? 0), 10);
    expect(evaluations[0]).not.toHaveProperty("perplexity");
    const page = readFileSync(path.join(folder, "whole/report.html"), "utf8");
    for (const word of ["Learning from another model", "distance", "second_distance", "strength", "root"]) {
      expect(page).toContain(word);
    }
  });

  test("has both trained models in its checkpoints, and the evaluation measures the first", () => {
    const latest = path.join(folder, "whole/distil/checkpoints/latest");
    expect(existsSync(path.join(latest, "model.safetensors"))).toBe(true);
    expect(existsSync(path.join(latest, "second/model.safetensors"))).toBe(true);
    expect(existsSync(path.join(latest, "teacher"))).toBe(false);
    const scores = JSON.parse(readFileSync(path.join(folder, "whole/eval/scores.json"), "utf8")) as { model: string };
    expect(scores.model).toMatch(/^distil\/checkpoints\//);
  });

  test("has a section that is checked and printed with its comments", () => {
    const misspelt = nuwa(["run", "r.yaml", "--set", "distil={strenght: 3}"], folder);
    expect(misspelt.code).toBe(2);
    expect(misspelt.stderr).toContain('unknown key "distil.strenght" (did you mean "strength"?)');
    const printed = nuwa(["run", "r.yaml", "--print-recipe"], folder).stdout;
    expect(printed).toContain("# Learn to give another model's logits.\ndistil:\n  strength: 2");
  });

  test("killed with SIGKILL at random points, ends with the same bytes and metrics", { timeout: 300_000 }, async () => {
    const random = seeded(5);
    const options = ["run", "r.yaml", "--dir", "killed", "--set", "threads=2"];
    const sign = path.join(folder, "killed/checkpoints/step-000006");
    let kills = 0;
    for (let attempt = 0; attempt < 20; attempt++) {
      const moment = 1 + Math.floor(random() * 70);
      const child = startNuwa(options, folder, attempt < 8 ? killedAfter(moment, sign) : {});
      const [code] = (await once(child, "exit")) as [number | null];
      if (code === 0) break;
      kills++;
    }
    expect(kills).toBeGreaterThan(3);
    expect(checkpoints("killed")).toEqual(checkpoints("whole"));
    expect(story("killed")).toEqual(story("whole"));
  });

  test("without its plugin is refused by name", () => {
    const absent = nuwa(["run", "r.yaml", "--set", "plugins=[]"], folder);
    expect(absent.code).toBe(2);
    expect(absent.stderr).toContain('unknown key "distil"');
  });
});
