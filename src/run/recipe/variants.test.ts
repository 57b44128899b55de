import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, expect, test } from "vitest";
import { NuwaError } from "../../text/index.ts";
import { builtInStages } from "../stages/list.ts";
import { sectionOf } from "../settings/general.ts";
import { readVariants, type VariantOptions } from "./variants.ts";

const folder = mkdtempSync(path.join(tmpdir(), "nuwa-variants-"));
afterAll(() => rmSync(folder, { recursive: true }));

function variants(sweep: string, options: VariantOptions = {}) {
  const file = path.join(folder, "r.yaml");
  writeFileSync(
    file,
    `${sweep}\ncollect: {sources: [{files: x}]}\ntokenizer: {vocab_size: 300}\npack:\npretrain: {steps: 7, batch: 4, optimizer: {name: adamw}}\n`,
  );
  return readVariants(file, { env: {}, ...options }).variants;
}

const ids = (sweep: string, options: VariantOptions = {}): string[] => variants(sweep, options).map(({ id }) => id);

const failure = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (error instanceof NuwaError) return error.toLine();
    throw error;
  }
  return "none";
};

test("a grid is every combination, the last key fastest, and each variant a recipe with its values", () => {
  const made = variants("sweep: {vary: {pretrain.optimizer.learning_rate: [1e-3, 3e-3], pretrain.batch: [8, 16]}}");
  expect(made.map(({ id }) => id)).toEqual([
    "learning_rate-0.001_batch-8",
    "learning_rate-0.001_batch-16",
    "learning_rate-0.003_batch-8",
    "learning_rate-0.003_batch-16",
  ]);
  const last = made[3];
  expect(last?.overrides).toEqual({ "pretrain.optimizer.learning_rate": 0.003, "pretrain.batch": 16 });
  const section = last && sectionOf(last.recipe, builtInStages.get("pretrain"));
  expect(section).toMatchObject({ steps: 7, batch: 16, optimizer: { learning_rate: 0.003 } });
  expect(last?.recipe.name).toBe("learning_rate-0.003_batch-16");
  expect(last?.recipe.sweep).toBeUndefined();
});

test("variants by name, also at each point of a grid", () => {
  const listed = "variants: [{id: small, set: {pretrain.batch: 2}}, {set: {pretrain.batch: 3}}]";
  expect(ids(`sweep: {${listed}}`)).toEqual(["small", "batch-3"]);
  expect(ids(`sweep: {${listed}, vary: {pretrain.steps: [1, 2]}}`)).toEqual([
    "small_steps-1",
    "small_steps-2",
    "batch-3_steps-1",
    "batch-3_steps-2",
  ]);
});

test("--vary adds to the grid; a variant's own keys win over --set, which holds for all", () => {
  const made = variants("sweep: {vary: {pretrain.batch: [8]}}", {
    vary: ["pretrain.schedule.name=cosine, linear"],
    set: ["pretrain.batch=1", "pretrain.steps=99"],
  });
  expect(made.map(({ id }) => id)).toEqual(["batch-8_name-cosine", "batch-8_name-linear"]);
  const section = made[1] && sectionOf(made[1].recipe, builtInStages.get("pretrain"));
  expect(section).toMatchObject({ batch: 8, steps: 99, schedule: { name: "linear" } });
  expect(ids("", { vary: ["seed=1,2"] })).toEqual(["seed-1", "seed-2"]);
});

test("names can be folders' names, tell keys apart that end alike, and are no longer than a folder's may be", () => {
  expect(ids("sweep: {vary: {tokenizer.pre_tokenizer: [gpt2, chinese], pretrain.seed: [1], seed: [2]}}")).toEqual([
    "pre_tokenizer-gpt2_pretrain.seed-1_seed-2",
    "pre_tokenizer-chinese_pretrain.seed-1_seed-2",
  ]);
  expect(ids('sweep: {variants: [{set: {collect.sources.0.files: ["a/b c", ../d]}}]}')).toEqual(["files-a-b-c-..-d"]);
  const [long = ""] = ids(`sweep: {variants: [{set: {collect.sources.0.files: ${"x".repeat(300)}}}]}`);
  expect(long).toMatch(/^files-x{74}-[0-9a-f]{8}$/);
});

test("mistakes are named", () => {
  expect(failure(() => variants(""))).toMatch(/r\.yaml: this recipe has no variants .*--vary/);
  expect(failure(() => variants("sweep: {vary: {pretrain.stepss: [1]}}"))).toMatch(
    /variant "stepss-1": no key "pretrain.stepss" \(did you mean "pretrain.steps"\?\)/,
  );
  expect(failure(() => variants("sweep: {vary: {pretrain.steps: [x]}}"))).toMatch(/variant "steps-x" .*number/);
  expect(failure(() => variants("sweep: {vary: {pretrain.steps: []}}"))).toMatch(/r\.yaml:1/);
  expect(failure(() => variants("sweep: {variants: [{set: {pretrain: {steps: 3}}}]}"))).toMatch(
    /"pretrain" is a whole section.*pretrain\.steps/,
  );
  expect(failure(() => variants("sweep: {variants: [{id: a/b, set: {}}]}"))).toMatch(/expected a name of letters/);
  const same = "{id: a, set: {pretrain.steps: 1}}";
  expect(failure(() => variants(`sweep: {variants: [${same}, ${same}]}`))).toMatch(/two variants are called "a"/);
  expect(failure(() => variants("", { vary: ["pretrain.steps"] }))).toMatch(/--vary: expected key=value,value/);
});
