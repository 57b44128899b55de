import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TaskResult } from "../../eval/index.ts";
import { boardRow, publishedRows, readPublished, sortRows } from "./board.ts";
import { leaderboardPage } from "./page.ts";
import { boardTables, cell } from "./tables.ts";

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "nuwa-leaderboard-"));
  const task = (name: string, metric: string, value: number, standardError: number, items = 100): TaskResult => ({
    task: name,
    kind: "multiple_choice",
    metric,
    scores: { [metric]: { value, standardError, n: items } },
    fewShot: 5,
    items,
    available: 100,
    files: [],
  });
  write("full", [
    task("arc_challenge", "acc_norm", 0.2, 0.03),
    task("hellaswag", "acc_norm", 0.3, 0.04, 50),
    task("mmlu", "acc", 0.25, 0),
    task("truthfulqa_mc2", "mc2", 0.47, 0),
    task("piqa", "acc", 0.75, 0.02),
    task("boolq", "acc", 0.62, 0.01),
  ]);
  write("<b>part", [
    task("mmlu", "acc", 0.26, 0.01),
    { ...task("wikitext", "word_perplexity", 123.456, 0), kind: "perplexity" },
    { ...task("mmlu_anatomy", "acc", 0.5, 0.1), group: "mmlu" },
  ]);
  mkdirSync(join(root, "empty"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function write(name: string, results: readonly TaskResult[]): void {
  mkdirSync(join(root, name, "eval"), { recursive: true });
  writeFileSync(join(root, name, "eval/results.json"), JSON.stringify({ model: name, results }));
}

test("a run's row: the four tasks, their mean with its error, other tasks, CORE", () => {
  const row = boardRow(join(root, "full"));
  expect(row.mean?.value).toBeCloseTo(0.305, 12);
  expect(row.mean?.standardError).toBeCloseTo(0.0125, 12); // √(0.03² + 0.04²) / 4
  expect(row.mean?.isPartial).toBe(true);
  expect(Object.keys(row.others)).toEqual(["piqa", "boolq"]);
  expect(row.core?.tasks["piqa"]).toBeCloseTo(0.5, 12);
  // Without all four there is no mean; parts of a group are not shown beside it.
  const part = boardRow(join(root, "<b>part"));
  expect(part.mean).toBeUndefined();
  expect(Object.keys(part.others)).toEqual(["wikitext"]);
});

test("a run without scores is named, with the command that measures it", () => {
  expect(() => boardRow(join(root, "none"))).toThrow(/no such run directory/);
  expect(() => boardRow(join(root, "empty"))).toThrow(
    expect.objectContaining({ code: "FILE", hint: expect.stringContaining("nuwa eval") }),
  );
});

test("cells: percent with error, an estimate, perplexity, nothing", () => {
  expect(cell({ value: 0.218, standardError: 0.0123 })).toBe("21.8 ± 1.2");
  expect(cell({ value: 0.218, isPartial: true })).toBe("~21.8");
  expect(cell({ value: 123.456, standardError: 0 }, "word_perplexity")).toBe("123.5");
  expect(cell(undefined)).toBe("–");
});

test("tables and page: best first, own models marked, hostile names escaped", () => {
  const rows = sortRows([boardRow(join(root, "<b>part")), boardRow(join(root, "full")), ...publishedRows()]);
  expect(rows.map(({ model }) => model)).toEqual([
    "Llama-2-7b",
    "falcon-7b",
    "gpt2-xl",
    "full", // (20 + 30 + 25 + 47) / 4 = 30.5
    "gpt2",
    "chance",
    "<b>part",
  ]);
  const [main, others, core] = boardTables(rows);
  expect(main?.rows[3]?.cells).toEqual(["full", "", "20.0 ± 3.0", "~30.0 ± 4.0", "25.0", "47.0", "~30.5 ± 1.3"]);
  expect(main?.rows.at(-1)?.cells).toEqual(["<b>part", "", "–", "–", "26.0 ± 1.0", "–", "–"]);
  expect(others?.rows.map(({ cells }) => cells)).toEqual([
    ["piqa", "acc", "5", "75.0 ± 2.0", "–"],
    ["boolq", "acc", "5", "62.0 ± 1.0", "–"],
    ["wikitext", "word_perplexity", "5", "–", "123.5"],
  ]);
  // (−0.05 + 0.05) / 0.75 of ARC and HellaSwag, 0.5 of PIQA, 0 of BoolQ, over 4; errors 0.04, 0.053, 0.04, 0.026.
  expect(core?.rows[0]?.cells.slice(0, 3)).toEqual(["full", "0.125 ± 0.021", "4"]);

  const { document } = parseHTML(leaderboardPage(boardTables(rows)));
  expect(document.querySelectorAll("h2")).toHaveLength(3);
  expect([...document.querySelectorAll("tr.ours")].map((row) => row.firstElementChild?.textContent)).toContain("full");
  expect(document.querySelector("b")).toBeNull();
});

test("a published table", () => {
  const file = join(root, "published.csv");
  writeFileSync(
    file,
    "\uFEFFModel,Average,ARC(25-shot),HellaSwag(10-shot),MMLU(5-shot),TruthfulQA(0-shot),Parameters,URL\n" +
      'some/model,32.5,20,30,"40",40,1.234,x\nno/score,,20,,40,40,7,x\n',
  );
  expect(readPublished(file)).toMatchObject([{ model: "some/model", parameters: "1.23B", mean: { value: 0.325 } }]);
  writeFileSync(file, "Model,Average\na,1\n");
  expect(() => readPublished(file)).toThrow(expect.objectContaining({ code: "DATA", where: `${file}:1` }));
});

const shared = process.env["NUWA_SHARED"] ?? join(import.meta.dirname, "../../../../shared/data");
const table = join(shared, "reference-scores/open_llm_leaderboard_20230915.csv");
// Counted as skipped where the published tables, which belong to others, are not beside the repository.
test.skipIf(!existsSync(table))(
  "the rows that come with Nuwa are those of the published table (needs the shared data)",
  () => {
    const published = readPublished(table);
    expect(published.length).toBeGreaterThan(800);
    for (const own of publishedRows().filter(({ model }) => /^(gpt2-xl|falcon-7b|Llama-2-7b)$/.test(model))) {
      const theirs = published.find(
        ({ model }) => model.endsWith(`/${own.model}`) || model === own.model || model.endsWith(`/${own.model}-hf`),
      );
      for (const [task, { value }] of Object.entries(own.scores)) {
        expect(theirs?.scores[task]?.value, `${own.model} ${task}`).toBeCloseTo(value, 2);
      }
    }
  },
);
