import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";

// The door of evaluation: a kind of task and a task of a plugin's come in by one registration each, through the built
// program: in a recipe's eval stage, killed and resumed, and in `nuwa eval`.

const root = join(import.meta.dirname, "../..");
const built = join(root, "dist/src");
const cli = join(built, "cli/main.js");

/** Likelihood of a letter after a word; writes down each measurement, and dies in the middle of one when asked to. */
const plugin = `
import { appendFileSync } from "node:fs";
import { z } from ${JSON.stringify(pathToFileURL(join(root, "node_modules/zod/index.js")).href)};
import { defineTask, defineTaskKind, meanScore } from ${JSON.stringify(pathToFileURL(join(built, "eval/index.js")).href)};

const letter = defineTaskKind({
  name: "letter",
  summary: "nats of a letter",
  shape: { doc_to_text: z.string(), letter: z.string().length(1) },
  prepare: ({ doc_to_text, letter }, compile) => {
    const text = compile(doc_to_text, "doc_to_text");
    return {
      metric: "nats",
      turn: ({ fields, where }) => ({ question: text.text(fields, where), answer: letter }),
      async run({ model, documents, prompts, onProgress, onExample }) {
        appendFileSync("measured.txt", letter + "\\n");
        const requests = documents.map((document) => ({
          context: prompts.context(document, text.text(document.fields, document.where)),
          continuation: letter,
        }));
        const results = await model.scoreContinuations(requests);
        if (process.env.DIE_AT === letter) process.kill(process.pid, "SIGKILL");
        results.forEach(({ logLikelihood }, i) =>
          onExample({ id: documents[i].id, query: requests[i].context, scores: { nats: -logLikelihood } }));
        onProgress(results.length, results.length);
        return { scores: { nats: meanScore(results.map(({ logLikelihood }) => -logLikelihood)) } };
      },
    };
  },
});
const task = (name, own) =>
  defineTask({ task: name, kind: "letter", files: { test: "words.jsonl" }, doc_to_text: "The {{ word }}", letter: own, num_fewshot: 1, fewshot_config: { exclude_item: true } });

export default { taskKinds: [letter], tasks: [task("letter_a", "a"), task("letter_s", "s")] };
`;

const recipe = `name: small
seed: 3
plugins: [plugin.mjs]
collect: { sources: [{ files: text, language: en }] }
tokenizer: { vocab_size: 300 }
pack: { val_share: 0.2 }
pretrain:
  context: 32
  model: { num_hidden_layers: 1, hidden_size: 16, num_attention_heads: 2 }
  batch: 2
  steps: 2
  eval_every: 2
  eval_tokens: 100
  sample_every: 0
  checkpoint_every: 2
eval: { tasks: [letter_a, letter_s, own.yaml], data: bench, limit: 3 }
`;

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "nuwa-door-task-"));
  mkdirSync(join(dir, "text"));
  mkdirSync(join(dir, "bench"));
  const words =
    "the river and stone with light that morning have quiet letter window of garden to people be water".split(" ");
  const sentence = (i: number) => `${words.map((_, k) => words[(i * 7 + k * 5) % words.length]).join(" ")}.`;
  writeFileSync(join(dir, "text/a.txt"), Array.from({ length: 80 }, (_, i) => sentence(i)).join(" "));
  writeFileSync(
    join(dir, "bench/words.jsonl"),
    words
      .slice(0, 5)
      .map((word) => `${JSON.stringify({ word })}\n`)
      .join(""),
  );
  writeFileSync(join(dir, "plugin.mjs"), plugin);
  writeFileSync(join(dir, "small.yaml"), recipe);
  // A task of the user's in YAML, of a built-in kind.
  writeFileSync(
    join(dir, "own.yaml"),
    'task: own\nkind: perplexity\nfiles: { test: bench/words.jsonl }\ndoc_to_target: "The {{ word }}."\n',
  );
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function nuwa(options: readonly string[], env: Record<string, string> = {}) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [cli, ...options], {
    cwd: dir,
    env: { ...process.env, NO_COLOR: "1", ...env },
    encoding: "utf8",
  });
  return { status, signal, stdout, stderr };
}

const measured = () => readFileSync(join(dir, "measured.txt"), "utf8").trim().split("\n");
const results = z.array(
  z.looseObject({
    task: z.string(),
    kind: z.string(),
    fewShot: z.number(),
    items: z.number(),
    scores: z.record(z.string(), z.looseObject({ value: z.number() })),
  }),
);
const read = (file: string): unknown => JSON.parse(readFileSync(join(dir, file), "utf8"));

test("a plugin's kind and task run in a recipe's eval stage, killed and resumed", { timeout: 180_000 }, () => {
  expect(existsSync(cli), "needs a build: npm run build:ts").toBe(true);
  const killed = nuwa(["run", "small.yaml"], { DIE_AT: "s" });
  expect(killed.signal, killed.stderr).toBe("SIGKILL");
  expect(measured()).toEqual(["a", "s"]);
  expect(existsSync(join(dir, "runs/small/eval/scores.json"))).toBe(false);

  const resumed = nuwa(["run", "small.yaml"]);
  expect(resumed.status, resumed.stderr).toBe(0);
  // What was whole is not measured again.
  expect(measured()).toEqual(["a", "s", "s"]);
  const { tasks } = z.looseObject({ tasks: results }).parse(read("runs/small/eval/scores.json"));
  expect(tasks.map(({ task, kind, fewShot, items }) => [task, kind, fewShot, items])).toEqual([
    ["letter_a", "letter", 1, 3],
    ["letter_s", "letter", 1, 3],
    ["own", "perplexity", 0, 3],
  ]);
  const examples = readFileSync(join(dir, "runs/small/eval/letter_a.jsonl"), "utf8").trim().split("\n");
  const values = examples.map((line) =>
    z.looseObject({ scores: z.object({ nats: z.number() }) }).parse(JSON.parse(line)),
  );
  const mean = values.reduce((sum, { scores }) => sum + scores.nats, 0) / 3;
  expect(tasks[0]?.scores["nats"]?.value).toBeCloseTo(mean, 12);
  expect(existsSync(join(dir, "runs/small/eval/parts"))).toBe(false);

  // The same without a kill: the same scores.
  const whole = nuwa(["run", "small.yaml", "--set", "name=whole"]);
  expect(whole.status, whole.stderr).toBe(0);
  expect(z.looseObject({ tasks: results }).parse(read("runs/whole/eval/scores.json")).tasks).toEqual(tasks);
});

test(
  "and in `nuwa eval`, where --list shows them and the leaderboard and the report read their scores",
  { timeout: 60_000 },
  () => {
    const listed = nuwa(["eval", "--list", "--plugin", "plugin.mjs"]);
    expect(listed.stdout).toMatch(/^letter_a +letter +1 +nats +words\.jsonl$/m);
    const evaluated = nuwa([
      "eval",
      "runs/small",
      "--tasks",
      "letter_a,own.yaml",
      "--data",
      "bench",
      "--limit",
      "3",
      "--json",
    ]);
    // The run's recipe names the plugin; so may the command.
    expect(evaluated.status, evaluated.stderr).toBe(0);
    const again = results.parse(z.looseObject({ results }).parse(JSON.parse(evaluated.stdout)).results);
    const before = z.looseObject({ tasks: results }).parse(read("runs/small/eval/scores.json")).tasks;
    expect(again.map(({ scores }) => scores)).toEqual([before[0]?.scores, before[2]?.scores]);

    const named = ["eval", "runs/small", "--tasks", "letter_s", "--data", "bench", "--limit", "3"];
    expect(nuwa([...named, "--plugin", "plugin.mjs"]).status).toBe(0);
    const kept = results.parse(z.looseObject({ results }).parse(read("runs/small/eval/results.json")).results);
    expect(kept.map(({ task }) => task)).toEqual(["letter_a", "own", "letter_s"]);

    const board = nuwa(["leaderboard", "runs/small", "runs/whole", "--html", "board.html", "--json"]);
    expect(board.status, board.stderr).toBe(0);
    const rows = z
      .array(z.looseObject({ model: z.string(), others: z.record(z.string(), z.looseObject({ value: z.number() })) }))
      .parse(JSON.parse(board.stdout));
    expect(rows.find(({ model }) => model === "whole")?.others["letter_s"]?.value).toBe(
      before[1]?.scores["nats"]?.value,
    );
    expect(readFileSync(join(dir, "board.html"), "utf8")).toContain("letter_s");
    expect(nuwa(["report", "runs/small"]).status).toBe(0);
    expect(readFileSync(join(dir, "runs/small/report.html"), "utf8")).toContain("letter_a");
  },
);

test("a plugin that is none is named", () => {
  writeFileSync(join(dir, "bad.mjs"), "export default { taskKinds: [{ name: 'x' }] };");
  const { status, stderr } = nuwa(["eval", "--list", "--plugin", "bad.mjs"]);
  expect([status, stderr.trim()]).toEqual([
    2,
    `nuwa: ${join(dir, "bad.mjs")}: "taskKinds" holds something that is not a kind of task`,
  ]);
});
