import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deduplicate } from "../../data/dedup/documents/index.ts";
import { generator, plantedCorpus, shuffled } from "../../data/dedup/documents/planted.ts";
import { removeLines } from "../../data/dedup/lines/index.ts";
import { removePassages } from "../../data/dedup/substring/index.ts";
import { emptyStatistics, ledgerEntries, type LedgerEntry, type Verdict } from "../../data/stage.ts";
import { families } from "../../models/index.ts";
import type { Document } from "../../text/index.ts";
import { localExecutor } from "../executors/local.ts";
import { Manifest } from "../manifest/manifest.ts";
import { Progress } from "../progress.ts";
import { RunDirectory } from "../manifest/run-directory.ts";
import { ShardFolder, type ShardInfo } from "../shards/shards.ts";
import { recipeSchemaOf } from "../recipe/schema.ts";
import type { RecipeStage } from "./recipe-stage.ts";
import type { StageContext } from "./stage.ts";
import { builtInStages } from "./list.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), "nuwa-dedup-stage-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Writes documents as a finished stage "clean" in shards of different sizes, runs a stage on it, and reads the result. */
async function run(
  name: string,
  documents: readonly Document[],
  { schema, create }: RecipeStage,
  settings: object,
  memoryBytes: number,
): Promise<{ kept: Document[]; ledger: LedgerEntry[] }> {
  const directory = new RunDirectory(path.join(root, name));
  directory.create();
  const from = new ShardFolder(directory.data("clean"));
  const random = generator(9);
  const infos: ShardInfo[] = [];
  for (let i = 0; i < documents.length; ) {
    // Empty shards too: a filter may have left nothing of one.
    const part = documents.slice(i, i + random(90));
    i += part.length;
    infos.push(from.write(infos.length, part, { removed: [], statistics: emptyStatistics("clean"), problems: [] }));
  }
  from.finish("clean", infos);
  const context: StageContext = {
    directory,
    manifest: Manifest.open(directory.manifest, () => ({ name: "t", nuwa: "0", node: "0", machine: {} })),
    progress: new Progress({ quiet: true }),
    signal: new AbortController().signal,
    threads: 1,
    families,
    executor: localExecutor.create({ threads: 1 }),
    memoryBytes,
    cwd: root,
  };
  const stage = create(schema.parse(settings), {
    directory,
    where: "r.yaml",
    recipe: recipeSchemaOf([]).parse({ name: "t" }),
    documents: () => "clean",
    model: () => "pretrain",
    require: (needed) => needed,
  });
  if (stage === undefined) throw new Error("expected a stage");
  await stage.run(context);
  expect(stage.isWhole()).toBe(true);
  const to = new ShardFolder(directory.data(stage.name));
  const result: { kept: Document[]; ledger: LedgerEntry[] } = { kept: [], ledger: [] };
  for await (const document of to.read()) result.kept.push(document);
  for await (const entry of to.readLedger()) result.ledger.push(entry);
  expect(JSON.parse(readFileSync(to.statisticsFile, "utf8"))).toMatchObject({ shards: infos.length });
  return result;
}

const corpus = shuffled(plantedCorpus(400, 21).documents, 5).map((document, i) =>
  i % 40 === 0 ? { ...document, id: "twice" } : document,
);

describe("the stage writes what one thread finds in memory, with any memory", () => {
  test("dedup", { timeout: 60_000 }, async () => {
    const expected: { kept: Document[]; ledger: LedgerEntry[] } = { kept: [], ledger: [] };
    const onRemoved = (entry: LedgerEntry): void => void expected.ledger.push(entry);
    for await (const document of deduplicate(() => corpus, {}, { onRemoved })) expected.kept.push(document);
    expect(new Set(expected.ledger.map(({ rule }) => rule))).toEqual(new Set(["same_id", "exact", "minhash"]));
    for (const memory of [1e9, 1000])
      expect(await run(`dedup-${memory}`, corpus, builtInStages.get("dedup"), {}, memory)).toEqual(expected);
  });

  const byVerdicts = (stage: string, documents: readonly Document[], verdicts: readonly Verdict[]) => {
    const expected: { kept: Document[]; ledger: LedgerEntry[] } = { kept: [], ledger: [] };
    for (const [i, verdict] of verdicts.entries()) {
      const document = documents[i];
      if (document === undefined) continue;
      if ("keep" in verdict) expected.kept.push(verdict.keep);
      expected.ledger.push(...ledgerEntries(stage, document, verdict));
    }
    return { ...expected, rules: new Set(expected.ledger.map(({ rule }) => rule)) };
  };

  test("substring", { timeout: 60_000 }, async () => {
    const input = { min_tokens: 30 };
    const { rules, ...expected } = byVerdicts("substring", corpus, removePassages(corpus, input));
    expect(rules).toEqual(new Set(["substring", "substring.min_chars"]));
    for (const memory of [1e9, 1e5, 1]) {
      expect(await run(`substring-${memory}`, corpus, builtInStages.get("substring"), input, memory)).toEqual(expected);
    }
  });

  test("lines", { timeout: 60_000 }, async () => {
    const input = { lines: { min_documents: 2 } };
    // Lines of 9 words, paragraphs of 3 lines.
    const documents = corpus.map((document) => {
      let words = 0;
      return {
        ...document,
        text: document.text.replace(/\s+/gu, () => (++words % 9 > 0 ? " " : words % 27 > 0 ? "\n" : "\n\n")),
      };
    });
    const { rules, ...expected } = byVerdicts("lines", documents, removeLines(documents, input));
    expect(rules).toEqual(new Set(["paragraphs", "lines", "lines.min_chars"]));
    for (const memory of [1e9, 3e4, 1])
      expect(await run(`lines-${memory}`, documents, builtInStages.get("lines"), input, memory)).toEqual(expected);
  });
});
