import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readMetrics } from "../train/index.ts";
import { nuwa } from "./test-cli.ts";
import { writeCorpus } from "./test-corpus.ts";

const small = "batch: 4, eval_every: 0, sample_every: 0, checkpoint_every: 2";
const base = `
collect: {sources: [{files: texts}]}
tokenizer: {vocab_size: 300}
pack: {val_share: 0.1}
pretrain: {model: {num_hidden_layers: 1, hidden_size: 16, num_attention_heads: 2}, context: 48, steps: 4, ${small}}
`;
const tuned = `
dialogues: {files: [dialogues.jsonl]}
sft: {init: base, steps: 3, packing: true, ${small}}
`;

let folder: string;
const run = (...options: string[]) => nuwa(["run", ...options], folder);
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "nuwa-training-"));
  writeCorpus(path.join(folder, "texts"), 30);
  writeFileSync(path.join(folder, "base.yaml"), base);
  writeFileSync(path.join(folder, "tuned.yaml"), tuned);
  writeFileSync(path.join(folder, "rootless.yaml"), tuned.replace("init: base, ", ""));
  const dialogues = ["river", "stone", "bridge", "market"].map((word) => ({
    messages: [
      { role: "user", content: `the ${word}` },
      { role: "assistant", content: "winter" },
    ],
  }));
  writeFileSync(path.join(folder, "dialogues.jsonl"), dialogues.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const { code, stderr } = run("base.yaml", "--dir", "base");
  expect(code, stderr).toBe(0);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a recipe of dialogues and fine-tuning alone", () => {
  test("begins with the model of init, its tokenizer and chat template; run again it does nothing", () => {
    const first = run("tuned.yaml", "--dir", "tuned");
    expect(first.code, first.stderr).toBe(0);
    const checkpoint = path.join(folder, "tuned/sft/checkpoints/latest");
    for (const file of ["tokenizer.json", "tokenizer_config.json"]) {
      expect(readFileSync(path.join(checkpoint, file))).toEqual(
        readFileSync(path.join(folder, "base/checkpoints/latest", file)),
      );
    }
    expect(existsSync(path.join(folder, "tuned/tokenizer"))).toBe(false);
    const said = nuwa(["generate", "tuned", "--prompt", "the river", "--max-tokens", "2"], folder);
    expect(said.code, said.stderr).toBe(0);
    expect(run("tuned.yaml", "--dir", "tuned").stderr).toMatch(/sft +done before/);
  });

  test("without a model to begin with names both ways to give one", () => {
    const { code, stderr } = run("rootless.yaml", "--dir", "none");
    expect(code).toBe(2);
    expect(stderr).toContain('"sft" needs "pretrain", which the recipe leaves out');
    expect(stderr).toContain("init:");
  });

  test("from a folder that there is not, or of other weights than before, is refused", () => {
    expect(run("tuned.yaml", "--dir", "none", "--set", "sft.init=nowhere").stderr).toMatch(
      /nowhere: no such model or run directory/,
    );
    const other = run("base.yaml", "--dir", "other", "--set", "pretrain.seed=2");
    expect(other.code, other.stderr).toBe(0);
    expect(run("tuned.yaml", "--dir", "tuned", "--set", "sft.init=other").stderr).toContain('its input "init" changed');
  });
});

describe("pretraining", () => {
  test("goes on with another run's model only with its tokenizer", () => {
    const options = ["--set", "pretrain.init=base", "--set", "pretrain.context=32"];
    const same = run("base.yaml", "--dir", "further", ...options);
    expect(same.code, same.stderr).toBe(0);
    const other = run("base.yaml", "--dir", "foreign", ...options, "--set", "tokenizer.vocab_size=290");
    expect(other.code).toBe(1);
    expect(other.stderr).toContain("the model was trained with another tokenizer than this run's");
  });

  test("that is finished is lengthened, and says what the schedule does", () => {
    const longer = run("base.yaml", "--dir", "other", "--set", "pretrain.seed=2", "--set", "pretrain.steps=6");
    expect(longer.code, longer.stderr).toBe(0);
    expect(longer.stderr).toMatch(/lengthened from 4 to 6 steps: .*learning rate goes from \S+ to \S+ at step 5/);
    const steps = readMetrics(path.join(folder, "other/metrics.jsonl")).filter(({ type }) => type === "step");
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    const again = run("base.yaml", "--dir", "other", "--set", "pretrain.seed=2", "--set", "pretrain.steps=6");
    expect(again.stderr).toMatch(/pretrain +done before/);
    const shorter = run("base.yaml", "--dir", "other", "--set", "pretrain.seed=2", "--set", "pretrain.steps=5");
    expect(shorter.stderr).toMatch(/pretrain\.steps 6 → 5/);
  });
});
