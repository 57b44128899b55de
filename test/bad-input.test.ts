import { spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

// A new user's mistakes, through the real command line: each gets one clear line, exit code 1 or 2, and loses nothing.

const root = join(import.meta.dirname, "..");
const cli = join(root, "dist/src/cli/main.js");

const recipe = `name: small
seed: 3
collect:
  sources:
    - files: text
      language: en
filter:
  english: { min_words: 20 }
tokenizer: { vocab_size: 300 }
pack: { val_share: 0.2 }
pretrain:
  context: 16
  model: { num_hidden_layers: 1, hidden_size: 16, num_attention_heads: 2 }
  batch: 2
  steps: 4
  eval_every: 2
  eval_tokens: 100
  sample_every: 0
  checkpoint_every: 2
`;

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "nuwa-bad-input-"));
  mkdirSync(join(dir, "text"));
  for (let file = 0; file < 6; file++) writeFileSync(join(dir, `text/${file}.txt`), prose(file, 60));
  writeFileSync(join(dir, "small.yaml"), recipe);
  const { status, stderr } = nuwa(["run", "small.yaml"]);
  if (status !== 0) throw new Error(stderr);
}, 60_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Sentences of common words, different for every seed. */
function prose(seed: number, sentences: number): string {
  const words =
    "the river and stone with light that morning have quiet letter window of garden to people be water".split(" ");
  let state = seed + 1;
  const next = (): string => words[(state = (state * 48271) % 2147483647) % words.length] ?? "";
  return Array.from({ length: sentences }, () => `The ${Array.from({ length: 8 }, next).join(" ")}.`).join("\n");
}

function nuwa(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    cwd: dir,
    encoding: "utf8",
    input: "",
    timeout: 30_000,
    env: { ...process.env, NO_COLOR: "1", NUWA_THREADS: "1", ...environment },
  });
  return { status, stdout, stderr };
}

/** The one line of a refusal, and that it is one. */
function complaint(result: ReturnType<typeof nuwa>, status: 1 | 2): string {
  expect(result.stderr).not.toMatch(/\n\s+at |unexpected|fault of Nuwa/);
  expect(result.status, result.stderr).toBe(status);
  const said = result.stderr.slice(result.stderr.lastIndexOf("\nnuwa: ") + 1);
  expect(said).toMatch(/^nuwa: .+\n$/);
  return said;
}

function withRecipe(name: string, text: string): string {
  writeFileSync(join(dir, name), text);
  return name;
}

/** A copy of the finished run, to be damaged. */
function copyOfRun(name: string): string {
  cpSync(join(dir, "runs/small"), join(dir, "runs", name), { recursive: true, verbatimSymlinks: true });
  return `runs/${name}`;
}

describe("a recipe", () => {
  test.each<[string, string, RegExp]>([
    [
      "a misspelt section",
      recipe.replace("pretrain:", "pretrian:"),
      /recipe\.yaml:11: unknown key "pretrian" \(did you mean "pretrain"\?\)/,
    ],
    [
      "a misspelt nested key",
      recipe.replace("hidden_size", "hiden_size"),
      /recipe\.yaml:13: unknown key "pretrain\.model\.hiden_size" \(did you mean "hidden_size"\?\)/,
    ],
    ["a value out of range", recipe.replace("0.2", "1.5"), /recipe\.yaml:10: expected a number at most 0\.5 for "pack/],
    [
      "a value of another type",
      recipe.replace("steps: 4", "steps: four"),
      /expected a number for "pretrain\.steps", got "four"/,
    ],
    ["text that is not YAML", "name: x\ncollect:\n  sources: [\n - files: a\n", /recipe\.yaml:4: not valid YAML/],
    ["a tab", "name: x\n\tseed: 1\n", /recipe\.yaml:2: not valid YAML: Tabs .*indent with spaces/],
    ["an empty file", "", /recipe\.yaml: the recipe asks for no stage/],
    ["a list", "- a\n", /recipe\.yaml:1: expected a mapping of keys to values/],
    [
      "a name that is no folder's",
      recipe.replace("small", "../evil"),
      /recipe\.yaml:1: expected a name of letters.* got "\.\.\/evil"/,
    ],
    [
      "heads that do not divide",
      recipe.replace("heads: 2", "heads: 3"),
      /expected a multiple of num_attention_heads \(3\)/,
    ],
  ])("%s", (_, text, expected) => {
    expect(complaint(nuwa(["run", withRecipe("recipe.yaml", text)]), 2)).toMatch(expected);
  });

  test.each<[string, string[], 1 | 2, RegExp]>([
    ["that is not there", ["run", "nothing.yaml"], 1, /nothing\.yaml: no such recipe file/],
    ["that is a folder", ["run", "text"], 1, /text: expected a run directory/],
    ["a misspelt --set", ["run", "small.yaml", "--set", "pretrain.stepz=1"], 2, /did you mean "pretrain\.steps"\?/],
    ["--set without a value", ["run", "small.yaml", "--set", "pretrain.steps"], 2, /--set: expected key=value/],
    ["a misspelt option", ["run", "small.yaml", "--frehs"], 2, /did you mean "--fresh"\?/],
    ["a misspelt command", ["rnu", "small.yaml"], 2, /did you mean "run"\?/],
    [
      "threads that are none",
      ["run", "small.yaml", "--set", "threads=0"],
      2,
      /--set threads: expected a number at least 1/,
    ],
  ])("%s", (_, args, status, expected) => {
    expect(complaint(nuwa(args), status)).toMatch(expected);
  });
});

describe("documents", () => {
  const source = (name: string, files: string, ...more: string[]): string[] => [
    "run",
    "small.yaml",
    "--set",
    `name=${name}`,
    "--set",
    `collect.sources.0.files=${files}`,
    ...more.flatMap((one) => ["--set", one]),
  ];

  test("what cannot be read is named with file and line, skipped, counted, and shown by `data report`", () => {
    const folder = join(dir, "mixed");
    cpSync(join(dir, "text"), folder, { recursive: true });
    const put = (name: string, data: string | Buffer): void => writeFileSync(join(folder, name), data);
    put("empty.txt", "");
    put("binary.txt", Buffer.alloc(3000, Buffer.from([0, 1, 2, 137, 80, 0, 0, 255, 17])));
    put("broken.txt", Buffer.alloc(2000, Buffer.from([0xc3, 0x28, 0xff, 0x41])));
    put("cut.txt.gz", gzipSync(prose(9, 5000)).subarray(0, 400));
    put("lines.jsonl", `${JSON.stringify({ text: prose(8, 9) })}\n{"text": "cut\n42\n`);
    put("bad.parquet", "PAR1 no parquet PAR1");
    put("page.html", `<html><body><p>${prose(7, 9)}<b><table><td>${"<div>".repeat(500)}`);
    const { status, stderr } = nuwa(["data", "filter", ...source("mixed", "mixed").slice(1)]);
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/collect .*problems/);
    const { stdout } = nuwa(["data", "report", "runs/mixed"]);
    for (const where of ["empty.txt", "binary.txt", "cut.txt.gz", "lines.jsonl:2", "lines.jsonl:3", "bad.parquet"]) {
      expect(stdout).toContain(`mixed/${where}: `);
    }
    expect(
      brotliDecompressSync(readFileSync(join(dir, "runs/mixed/data/collect/shard-00000.jsonl.br"))).toString(),
    ).toContain("page.html");
  });

  test.each<[string, string[], RegExp]>([
    ["a file that is not there", source("a", "text/O.txt"), /no such file: "text\/O\.txt" .*did you mean "0\.txt"\?/],
    ["a glob without a match", source("b", "txt/*.txt"), /no file matches "txt\/\*\.txt" .*did you mean "text"\?/],
    [
      "a file larger than allowed",
      source("c", "text", "collect.sources.0.max_file_mb=0.00001"),
      /larger than max_file_mb/,
    ],
    [
      "all of it filtered away",
      source("d", "text", "filter.english.min_words=90000"),
      /no document is left to work on; removed by filter\/\S+ 6 \(`nuwa data removed/,
    ],
    [
      "too little of it for the context",
      source("e", "text/0.txt", "pretrain.context=100000", "pack.val_share=0"),
      /the corpus has .* tokens, fewer than the 100001 of one context/,
    ],
    [
      "a batch beyond the memory",
      source("f", "text", "pretrain.batch=1000000000"),
      /a batch of 1000000000 needs about .* GiB of memory, and/,
    ],
  ])("%s", (_, args, expected) => {
    expect(complaint(nuwa(args), 1)).toMatch(expected);
  });

  test("a vocabulary that the text cannot fill is said, and smaller", () => {
    const args = source("vocabulary", "text", "tokenizer.vocab_size=50000");
    const { status, stderr } = nuwa(["tokenizer", "train", ...args.slice(1)]);
    expect(status).toBe(0);
    expect(stderr).toMatch(/warning: the text gives only \d+ tokens of the 50,000/);
  });
});

describe("a run", () => {
  test("with a stage changed after training names the key and keeps the checkpoints; so it does when the manifest is gone", () => {
    const run = copyOfRun("changed");
    const again = ["run", "small.yaml", "--dir", run];
    expect(complaint(nuwa([...again, "--set", "pretrain.steps=3"]), 1)).toMatch(/pretrain\.steps 4 → 3.*--fresh/);
    const longer = ["--set", "pretrain.steps=6", "--set", "pretrain.clip=2"]; // longer alone would be done
    expect(complaint(nuwa([...again, ...longer]), 1)).toMatch(/pretrain\.clip 1 → 2; pretrain\.steps 4 → 6.*--fresh/);
    rmSync(join(dir, run, "manifest.json"));
    expect(complaint(nuwa(again), 1)).toMatch(/the run's manifest does not know.*--fresh/);
    expect(existsSync(join(dir, run, "checkpoints/latest/model.safetensors"))).toBe(true);
    writeFileSync(join(dir, run, "manifest.json"), "{");
    expect(complaint(nuwa(again), 1)).toMatch(/manifest\.json: .*not JSON/);
    expect(existsSync(join(dir, run, "checkpoints/latest/model.safetensors"))).toBe(true);
  });

  test("in progress is not written by another", () => {
    const run = copyOfRun("locked");
    const lock = { pid: process.pid, host: hostname(), started: "2026-01-01T00:00:00Z" };
    writeFileSync(join(dir, run, ".lock"), JSON.stringify(lock));
    expect(complaint(nuwa(["run", "small.yaml", "--dir", run]), 1)).toContain(`process ${process.pid}`);
  });

  test("where no folder can be made", () => {
    expect(complaint(nuwa(["run", "small.yaml", "--dir", "small.yaml/x"]), 1)).toMatch(/small\.yaml/);
    if (existsSync("/proc/self")) {
      expect(complaint(nuwa(["run", "small.yaml", "--dir", "/proc/nuwa"]), 1)).toMatch(
        /\/proc\/nuwa: no folder can be made here/,
      );
    }
  });

  test("asked about what it does not have", () => {
    expect(complaint(nuwa(["data", "why", "runs/small", "UNKNOWN"]), 2)).toMatch(/no document "UNKNOWN"/);
    expect(complaint(nuwa(["data", "removed", "runs/small", "--stage", "fliter"]), 2)).toMatch(
      /did you mean "filter"\?/,
    );
    expect(complaint(nuwa(["data", "removed", "runs/small", "--rule", "min_wrods"]), 2)).toMatch(/min_wrods/);
  });
});

describe("a checkpoint", () => {
  const damage = (name: string, change: (folder: string) => void): string => {
    const run = copyOfRun(name);
    const checkpoints = join(dir, run, "checkpoints");
    for (const step of readdirSync(checkpoints).filter((entry) => entry.startsWith("step-"))) {
      change(realpathSync(join(checkpoints, step)));
    }
    return run;
  };
  const edit = (file: string, from: string, to: string): void =>
    writeFileSync(file, readFileSync(file, "utf8").replace(from, to));

  test.each<[string, (folder: string) => void, RegExp]>([
    ["cut short", (folder) => truncateSync(join(folder, "model.safetensors"), 5000), /model\.safetensors: .*cut short/],
    [
      "whose sizes are another's",
      (folder) => edit(join(folder, "config.json"), '"hidden_size": 16', '"hidden_size": 32'),
      /expected shape \[300,32\], got \[300,16\] \(config\.json and model\.safetensors do not belong together/,
    ],
    [
      "of another architecture",
      (folder) => writeFileSync(join(folder, "config.json"), '{"model_type": "falcon"}'),
      /expected a model_type of gpt2, llama, nuwa_gpt, got "falcon"/,
    ],
    ["with half a config", (folder) => truncateSync(join(folder, "config.json"), 10), /config\.json: expected JSON/],
    ["without a tokenizer", (folder) => rmSync(join(folder, "tokenizer.json")), /no tokenizer at/],
  ])("%s", (name, change, expected) => {
    const run = damage(`damaged ${name}`.replaceAll(" ", "-").replaceAll("'", ""), change);
    expect(complaint(nuwa(["generate", run, "-p", "the", "-n", "2"]), 1)).toMatch(expected);
  });

  test("is no run's: chat, eval, options", () => {
    expect(complaint(nuwa(["chat", "runs/nothing"]), 1)).toMatch(/no such model or run directory/);
    expect(complaint(nuwa(["eval", "runs/small", "--tasks", "hellaswagg", "--data", "text"]), 2)).toMatch(
      /did you mean "hellaswag"\?/,
    );
    expect(complaint(nuwa(["eval", "runs/small", "--tasks", "hellaswag"]), 2)).toMatch(/--data DIR/);
    expect(complaint(nuwa(["eval", "runs/small", "--tasks", "hellaswag", "--data", "text"]), 1)).toMatch(/looked for/);
    expect(complaint(nuwa(["generate", "runs/small", "-t", "-1"]), 2)).toMatch(
      /--temperature: expected a number at least 0 for "temperature", got -1/,
    );
    const long = nuwa(["generate", "runs/small", "-p", prose(1, 9)]);
    expect(complaint(long, 2)).toMatch(/the model's context of 16/);
    expect(long.stdout.trim()).toBe("");
  });
});

describe("around it", () => {
  test("a port in use", async () => {
    const taken = createServer();
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, "127.0.0.1", () => {
        const address = taken.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
    // The command runs in another process, so that this one may wait without answering.
    expect(complaint(nuwa(["serve", "runs/small", "--port", String(port)]), 1)).toContain(String(port));
    await new Promise((resolve) => taken.close(resolve));
  });

  test("a reader that leaves early", async () => {
    const child = spawn(process.execPath, [cli, "data", "pairs", "runs/small", "--pairs", "200"], { cwd: dir });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    const status = await new Promise((resolve) => child.once("exit", resolve));
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });

  test("without a terminal, and with NO_COLOR, no escape codes are written", () => {
    const { stdout, stderr } = nuwa(["run", "small.yaml"]);
    expect(stdout + stderr).not.toContain("\u001b");
  });
});
