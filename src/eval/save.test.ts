import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { TaskResult } from "./harness.ts";
import { ResultWriter, type Measured } from "./save.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nuwa-save-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const result = (task: string, value: number, group?: string): TaskResult => ({
  task,
  kind: "multiple_choice",
  metric: "acc",
  scores: { acc: { value, standardError: 0, n: 1 } },
  fewShot: 0,
  items: 1,
  available: 1,
  files: [],
  ...(group === undefined ? {} : { group }),
});
const measured: Measured = { model: "m", fingerprint: "f", options: { limit: 3 } };
async function save(how: Measured, ...results: TaskResult[]): Promise<(string | number | undefined)[][]> {
  const writer = new ResultWriter(folder, how);
  writer.example({ task: results[0]?.task ?? "", id: "0", query: "q", scores: { acc: 1 } });
  await writer.finish(results);
  const file = JSON.parse(readFileSync(join(folder, "results.json"), "utf8")) as { results: TaskResult[] };
  return file.results.map(({ task, scores }) => [task, scores["acc"]?.value]);
}

test("tasks measured one after another are kept, the newest result of each", async () => {
  await save(measured, result("piqa", 0.1));
  await save(measured, result("mmlu", 0.2), result("mmlu_anatomy", 0.3, "mmlu"));
  expect(await save(measured, result("piqa", 0.4))).toEqual([
    ["mmlu", 0.2],
    ["mmlu_anatomy", 0.3],
    ["piqa", 0.4],
  ]);
  // A group goes with its parts.
  expect(await save(measured, result("mmlu", 0.5), result("mmlu_law", 0.6, "mmlu"))).toEqual([
    ["piqa", 0.4],
    ["mmlu", 0.5],
    ["mmlu_law", 0.6],
  ]);
  expect(readFileSync(join(folder, "examples/piqa.jsonl"), "utf8")).toContain('"query":"q"');
});

test("results of other weights or under other options are not mixed in, and said to be dropped", async () => {
  await save(measured, result("piqa", 0.1));
  expect(await new ResultWriter(folder, measured).finish([result("copa", 0.1)])).toBe(0);
  expect(await new ResultWriter(folder, { ...measured, options: { limit: 4 } }).finish([result("copa", 0.1)])).toBe(1);
  expect(await save({ ...measured, options: {} }, result("boolq", 0.2))).toEqual([["boolq", 0.2]]);
  expect(await save({ ...measured, fingerprint: "g", options: {} }, result("copa", 0.3))).toEqual([["copa", 0.3]]);
});
