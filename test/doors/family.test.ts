import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { killedAfter } from "../helpers/killed-after.ts";
import { nuwa, startNuwa } from "../../src/run/test-cli.ts";
import { writeCorpus } from "../../src/run/test-corpus.ts";

const built = (folder: string): string =>
  JSON.stringify(pathToFileURL(path.resolve(`dist/src/${folder}/index.js`)).href);
const zod = JSON.stringify(pathToFileURL(createRequire(import.meta.url).resolve("zod")).href);

/** A family of a user's: each token is predicted from the one before it, through a table and a matrix. */
const plugin = `
import * as z from ${zod};
import { defineFamily, plain } from ${built("models")};
import { Embedding, Linear, normal, ParameterStore } from ${built("nn")};
import { linear, linearCrossEntropy, linearLogProbs, reshape } from ${built("tensor")};

class Cache {
  constructor(batch, capacity, lengths = new Int32Array(batch)) {
    Object.assign(this, { batch, capacity, all: lengths });
  }
  get lengths() {
    return [...this.all];
  }
  row(b) {
    return new Cache(1, this.capacity, this.all.subarray(b, b + 1));
  }
  truncate(length) {
    this.all.fill(length);
    return length;
  }
  reset() {
    this.all.fill(0);
  }
  release() {}
}

class Bigram {
  kind = "causal";
  constructor(config, device, { architecture, seed = 0, trainable = true, initialize = true, precision = "float32" }) {
    Object.assign(this, { config, device, architecture });
    this.parameters = new ParameterStore(device, { trainable, precision });
    this.table = new Embedding(this.parameters, "table", config.vocab_size, config.width);
    const sizes = { inputs: config.width, outputs: config.vocab_size, bias: false, kind: "head" };
    this.head = new Linear(this.parameters, "head", sizes).weight;
    if (initialize) for (const parameter of this.parameters) normal(parameter, 0.1, seed);
  }
  hidden(tape, tokens, { cache } = {}) {
    cache?.all.forEach((length, b) => (cache.all[b] = length + tokens.shape[1]));
    return this.table.forward(tape, tokens); // (B, T) -> (B, T, C)
  }
  logits(tape, hidden) {
    return linear(tape, hidden, this.head);
  }
  rows(tape, { tokens, targets, weights }) {
    const N = tokens.length;
    const flat = (tensor) => tensor && reshape(tape, tensor, [N]);
    const hidden = reshape(tape, this.hidden(tape, tokens), [N, this.config.width]);
    return { hidden, targets: flat(targets), weights: flat(weights) };
  }
  loss(tape, batch, options) {
    const { hidden, targets, weights } = this.rows(tape, batch);
    return linearCrossEntropy(tape, hidden, this.head, targets, { ...options, ...(weights && { weights }) });
  }
  logProbabilities(tape, batch) {
    const { hidden, targets } = this.rows(tape, batch);
    return linearLogProbs(tape, hidden, this.head, targets);
  }
  createCache(B, capacity) {
    return new Cache(B, capacity);
  }
  release() {
    this.parameters.release();
  }
}

const count = z.int().positive().max(1e9);
const configSchema = z.strictObject({
  vocab_size: count,
  max_position_embeddings: count.default(64),
  width: count.default(8).describe("Width between the table and the matrix."),
});

const bigram = defineFamily({
  name: "bigram",
  modelType: "bigram",
  description: "each token from the one before it",
  configSchema,
  keys: { vocabulary: "vocab_size", context: "max_position_embeddings" },
  resolve: (settings) => settings,
  create: (config, device, options) => new Bigram(config, device, options),
  layouts: [
    {
      modelType: "bigram",
      ignored: null,
      optionalPrefix: "",
      fits: () => true,
      toJson: (config) => ({ architectures: ["Bigram"], ...config }),
      fromJson: ({ vocab_size, max_position_embeddings, width }) =>
        configSchema.parse({ vocab_size, max_position_embeddings, width }),
      tensors: (_config, parameters) => [...parameters].map((parameter) => plain(parameter)),
    },
  ],
  presets: { "bigram-tiny": { description: "for tests", settings: { vocab_size: 100, width: 4 } } },
});

export default { families: [bigram] };
`;

const recipe = `
plugins: [plugin.mjs]
collect: {sources: [{files: texts}]}
extract:
clean:
tokenizer: {vocab_size: 300}
pack: {val_share: 0.1}
pretrain:
  context: 32
  model: {family: bigram, width: 12}
  optimizer: {name: adamw, learning_rate: 0.02}
  batch: 8
  steps: 60
  eval_every: 20
  checkpoint_every: 3
  keep: 100
  sample_every: 30
samples: [The lantern]
eval:
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "nuwa-door-family-"));
  writeCorpus(path.join(folder, "texts"), 60);
  writeFileSync(path.join(folder, "r.yaml"), recipe);
  writeFileSync(path.join(folder, "plugin.mjs"), plugin);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const model = (run: string): string => path.join(folder, run, "checkpoints", "latest");
const metricsSchema = z.looseObject({ type: z.string(), step: z.number(), loss: z.number().optional() });
const losses = (run: string): (number | undefined)[] =>
  readFileSync(path.join(folder, run, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => metricsSchema.parse(JSON.parse(line)))
    .filter(({ type }) => type === "step")
    .map(({ loss }) => loss);

describe("a plugin's family of models", () => {
  test("trains through a recipe, is saved, continues text and is measured", { timeout: 180_000 }, () => {
    const run = nuwa(["run", "r.yaml", "--dir", "whole"], folder);
    expect(run.stderr).not.toContain("nuwa:");
    expect(run.code).toBe(0);
    const all = losses("whole");
    expect(all).toHaveLength(60);
    expect(all.at(-1)).toBeLessThan((all[0] ?? 0) - 0.5);

    const config: unknown = JSON.parse(readFileSync(path.join(model("whole"), "config.json"), "utf8"));
    expect(config).toMatchObject({ model_type: "bigram", width: 12, max_position_embeddings: 32 });
    expect(JSON.parse(readFileSync(path.join(folder, "whole", "samples.json"), "utf8"))).toMatchObject([
      { prompt: "The lantern", text: expect.stringMatching(/\w/) },
    ]);

    const generate = ["generate", "whole", "--prompt", "The lantern", "--max-tokens", "12", "--seed", "3"];
    const text = nuwa(generate, folder);
    expect(text.code).toBe(0);
    expect(text.stdout.trim().length).toBeGreaterThan(0);
    expect(nuwa(generate, folder).stdout).toBe(text.stdout);

    writeFileSync(path.join(folder, "held-out.txt"), "The lantern stands by the harbour. The lantern stands.");
    const scored = nuwa(["eval", "whole", "--text", "held-out.txt", "--json"], folder);
    expect(scored.code).toBe(0);
    const scores = z.object({ results: z.array(z.looseObject({ scores: z.record(z.string(), z.unknown()) })) });
    const [result] = scores.parse(JSON.parse(scored.stdout)).results;
    const value = z.looseObject({ value: z.number() });
    const bitsPerByte = value.parse(result?.scores["bits_per_byte"]).value;
    expect(bitsPerByte).toBeGreaterThan(0.5);
    expect(bitsPerByte).toBeLessThan(8); // what a byte is worth to who knows nothing
  });

  test("killed with SIGKILL, ends with the same bytes", { timeout: 300_000 }, async () => {
    expect(nuwa(["run", "r.yaml", "--dir", "killed", "--until", "pack"], folder).code).toBe(0);
    let kills = 0;
    for (const [step, changes] of [
      [3, 5],
      [12, 2],
      [27, 9],
      [27, 23],
    ] as const) {
      const checkpoint = `step-${String(step).padStart(6, "0")}`;
      const sign = path.join(folder, "killed", "checkpoints", checkpoint);
      const child = startNuwa(["run", "r.yaml", "--dir", "killed"], folder, killedAfter(changes, sign));
      await once(child, "exit");
      if (child.signalCode === "SIGKILL") kills++;
    }
    expect(kills).toBe(4);
    expect(nuwa(["run", "r.yaml", "--dir", "killed"], folder).code).toBe(0);
    for (const file of ["model.safetensors", "config.json", "state.safetensors"]) {
      expect(readFileSync(path.join(model("killed"), file)).equals(readFileSync(path.join(model("whole"), file)))).toBe(
        true,
      );
    }
    expect(losses("killed")).toEqual(losses("whole"));
  });

  test(
    "has a section of its own keys, presets, and its memory is known before it is taken",
    { timeout: 60_000 },
    () => {
      const printed = nuwa(
        ["run", "r.yaml", "--print-recipe", "--set", "pretrain.model={preset: bigram-tiny}"],
        folder,
      );
      expect(printed.stdout).toContain("family: bigram");
      expect(printed.stdout).toContain("width: 4 # Width between the table and the matrix.");
      const misspelt = nuwa(["run", "r.yaml", "--set", "pretrain.model={family: bigram, widht: 3}"], folder);
      expect(misspelt.code).toBe(2);
      expect(misspelt.stderr).toContain('unknown key "pretrain.model.widht" (did you mean "width"?)');
      const large = nuwa(["run", "r.yaml", "--dir", "large", "--set", "pretrain.model.width=900000000"], folder);
      expect(large.code).toBe(1);
      expect(large.stderr).toMatch(/a batch of 8 needs about .* GiB of memory/);
      expect(nuwa(["models", "--plugin", "plugin.mjs"], folder).stdout).toMatch(
        /bigram \(bigram\): each token from the one before it\n.*\n *bigram-tiny +800 +100 +64/,
      );
    },
  );

  test("without its plugin is refused by name", { timeout: 60_000 }, () => {
    const absent = nuwa(["run", "r.yaml", "--set", "plugins=[]"], folder);
    expect(absent.code).toBe(2);
    expect(absent.stderr).toMatch(/expected one of .*gpt2.* for "pretrain\.model\.family", got "bigram"/);
    const generate = ["generate", model("whole"), "--prompt", "The"];
    expect(nuwa(generate, folder).stderr).toContain("expected a model_type of gpt2, llama, nuwa_gpt");
    expect(nuwa([...generate, "--plugin", "plugin.mjs"], folder).code).toBe(0);
  });
});
