import { existsSync } from "node:fs";
import * as path from "node:path";
import type { DocumentFigure } from "../data/define-stage.ts";
import type { Association } from "../data/judge/bias/bias.ts";
import { biasStage } from "../data/judge/bias/stage.ts";
import { formatPairs, type PackMeta, readPackMeta, TokenDataset } from "../data/pack/tokens/index.ts";
import type { LedgerEntry, StageStatistics } from "../data/stage.ts";
import { NuwaError, type Document } from "../text/index.ts";
import { loadTokenizer } from "../tokenizer/index.ts";
import { count } from "./progress.ts";
import { readManifest } from "./manifest/manifest.ts";
import { sectionOf } from "./settings/general.ts";
import { readRecipe } from "./recipe/recipe.ts";
import { builtInStages } from "./stages/list.ts";
import type { RecipeStage } from "./stages/recipe-stage.ts";
import type { RunDirectory } from "./manifest/run-directory.ts";
import { ShardFolder, type StageSummary } from "./shards/shards.ts";
import { diversityOf } from "../data/judge/diversity/index.ts";

type Diversity = Awaited<ReturnType<typeof diversityOf>>;

/** All stages that there are, in order; a run with a plugin's stages is inspected with these too. */
type Stages = Iterable<RecipeStage>;

/** The finished data stages of a run with their statistics, in order: the funnel. */
export function funnel(
  directory: RunDirectory,
  stages: Stages = builtInStages,
): { stage: string; summary: StageSummary; seconds: number }[] {
  const manifest = readManifest(directory.manifest);
  return [...stages].flatMap(({ name: stage, writesDocuments }) => {
    if (!writesDocuments) return [];
    const record = manifest?.stages[stage];
    const summary = new ShardFolder(directory.data(stage)).summary();
    return record?.status === "done" && summary !== undefined ? [{ stage, summary, seconds: record.seconds }] : [];
  });
}

/**
 * What the documents of the last finished data stage consist of; undefined before there is one, or where
 * they are not kept. Reads them all.
 */
export async function diversity(
  directory: RunDirectory,
  stages: Stages = builtInStages,
): Promise<Diversity | undefined> {
  const last = funnel(directory, stages).at(-1);
  if (last === undefined) return undefined;
  const folder = new ShardFolder(directory.data(last.stage));
  return folder.isReleased ? undefined : diversityOf(folder.read());
}

/** A mixture as rows of a table: source, documents, tokens, epochs, share wanted and reached. */
export function mixtureRows(shares: NonNullable<PackMeta["mixture"]>): string[][] {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  return shares.map(({ source, documents, tokens, epochs, wanted, share }) => [
    source,
    count(documents),
    count(tokens),
    epochs.toFixed(2),
    percent(wanted),
    percent(share),
  ]);
}

/** The run's mixture, if it is packed with one. */
export async function mixtureOf(directory: RunDirectory): Promise<PackMeta["mixture"]> {
  const packed = existsSync(path.join(directory.tokens, "meta.json"));
  return packed ? (await readPackMeta(directory.tokens)).mixture : undefined;
}

export interface RemovedFilter {
  readonly stage?: string | undefined;
  /** A rule's name, or the beginning of several. */
  readonly rule?: string | undefined;
  readonly limit?: number | undefined;
}

/** What was removed, in order, from the ledgers of all data stages. */
export async function* removed(
  directory: RunDirectory,
  wanted: RemovedFilter = {},
  stages: Stages = builtInStages,
): AsyncGenerator<LedgerEntry> {
  let yielded = 0;
  for (const { stage } of funnel(directory, stages)) {
    if (wanted.stage !== undefined && stage !== wanted.stage) continue;
    for await (const entry of new ShardFolder(directory.data(stage)).readLedger()) {
      if (wanted.rule !== undefined && entry.rule !== wanted.rule && !entry.rule.startsWith(`${wanted.rule}.`))
        continue;
      if (yielded >= (wanted.limit ?? Number.POSITIVE_INFINITY)) return;
      yielded++;
      yield entry;
    }
  }
}

/** How many documents each rule removed, by stage: `filter` → `min_words` → 120. */
export function removedByRule(
  directory: RunDirectory,
  stages: Stages = builtInStages,
): Map<string, StageStatistics["removed"]> {
  return new Map(funnel(directory, stages).map(({ stage, summary }) => [stage, summary.statistics.removed]));
}

/**
 * The association table of a run's bias stage, as counted before anything was dropped.
 * @throws NuwaError USAGE when the run has no such stage
 */
export async function biasTable(directory: RunDirectory): Promise<Association[]> {
  const bias = sectionOf(readRecipe(directory.recipe, { env: {} }), biasStage);
  const file = path.join(directory.data("bias"), "prepared");
  if (bias === undefined || !existsSync(file)) {
    throw new NuwaError("USAGE", "this run has no bias stage that is done", {
      where: directory.show(directory.root),
      hint: 'add "bias:" to the recipe and run `nuwa data bias` with it',
    });
  }
  const { associations, readBiasCounts } = await import("../data/judge/bias/index.ts");
  return associations(readBiasCounts(file), bias);
}

/** One step of a document's way. */
export interface Step {
  readonly stage: string;
  readonly outcome: "kept" | "changed" | "removed";
  /** Characters after the stage, when it was kept. */
  readonly characters?: number;
  readonly entry?: LedgerEntry;
}

/** What became of one document: stage by stage. */
export interface Way {
  readonly id: string;
  readonly source: string;
  readonly steps: readonly Step[];
  /** The filter's figures, when the filter saw it. */
  readonly figures?: readonly DocumentFigure[];
  readonly excerpt: string;
}

/**
 * What became of one document, stage by stage. Of stages whose documents are not kept (`keep_data`) only the ledger is
 * asked, which knows what was removed but not what was changed.
 *
 * @param wanted its id, the beginning of it (8 characters or more), or its source
 * @throws NuwaError USAGE when no document has that id or source
 */
export async function why(directory: RunDirectory, wanted: string, list: Stages = builtInStages): Promise<Way> {
  const folders = funnel(directory, list).map(({ stage }) => ({
    stage,
    folder: new ShardFolder(directory.data(stage)),
  }));
  const recipe = readRecipe(directory.recipe, { env: {}, stages: list });
  const { id, source } = await identify(directory, folders, wanted);
  const steps: Step[] = [];
  let figures: Way["figures"];
  let excerpt = "";
  // As the stage before left it; unknown where that stage's documents are not kept.
  let current: Document | undefined;
  for (const [index, { stage, folder }] of folders.entries()) {
    const definition = [...list].find(({ name }) => name === stage);
    if (current !== undefined && recipe[stage] !== undefined) {
      figures = (await definition?.figures?.(recipe[stage], current)) ?? figures;
    }
    const after = folder.isReleased ? undefined : await find(folder, isCalled(id));
    if (after !== undefined) {
      const changed = current !== undefined && after.text !== current.text;
      steps.push({ stage, outcome: changed ? "changed" : "kept", characters: after.text.length });
      excerpt = after.text.slice(0, 400);
    } else {
      const entries: LedgerEntry[] = [];
      for await (const entry of ledgerOf(folder, isCalled(id))) entries.push(entry);
      const removal = entries.find(({ part }) => part !== true);
      if (removal !== undefined) {
        steps.push({ stage, outcome: "removed", entry: removal });
        if (excerpt === "") excerpt = removal.excerpt;
        break;
      }
      // The first stage has what is in no ledger, and a document that was in a stage's input is in its ledger or output.
      if (folder.isReleased) steps.push({ stage, outcome: entries.length > 0 ? "changed" : "kept" });
      else if (index > 0) break;
    }
    current = after;
  }
  return { id, source, steps, ...(figures === undefined ? {} : { figures }), excerpt };
}

type IsWanted = (document: { readonly id: string; readonly source: string }) => boolean;

const isCalled =
  (id: string): IsWanted =>
  (document) =>
    document.id === id;

/** The id and source of a document, from the first stage that has it among its documents or in its ledger. */
async function identify(
  directory: RunDirectory,
  folders: readonly { readonly folder: ShardFolder }[],
  wanted: string,
): Promise<{ readonly id: string; readonly source: string }> {
  const isPrefix = /^[0-9a-f]{8,15}$/.test(wanted);
  const isWanted: IsWanted = ({ id, source }) =>
    id === wanted || source === wanted || (isPrefix && id.startsWith(wanted));
  for (const { folder } of folders) {
    const document = await find(folder, isWanted);
    if (document !== undefined) return document;
    for await (const entry of ledgerOf(folder, isWanted)) return entry;
  }
  throw new NuwaError("USAGE", `no document "${wanted}" in this run`, {
    where: directory.show(directory.root),
    hint: "`nuwa data removed` lists ids; a source such as docs/a.html works too",
  });
}

async function find(folder: ShardFolder, isWanted: IsWanted): Promise<Document | undefined> {
  for await (const document of folder.read()) if (isWanted(document)) return document;
  return undefined;
}

async function* ledgerOf(folder: ShardFolder, isWanted: IsWanted): AsyncGenerator<LedgerEntry> {
  for await (const entry of folder.readLedger()) if (isWanted(entry)) yield entry;
}

/**
 * The first training pairs of a run, as a textbook prints them.
 * @param options.start the token to begin at
 * @throws NuwaError FILE when nothing is packed yet
 */
export async function trainingPairs(
  directory: RunDirectory,
  options: {
    readonly context: number;
    readonly pairs: number;
    readonly start: number;
    readonly split: "train" | "val";
  },
): Promise<string> {
  const meta = await readPackMeta(directory.tokens);
  const split = meta.splits[options.split];
  if (split === undefined) {
    throw new NuwaError("USAGE", `nothing is held out in this run: there is no split "${options.split}"`, {
      where: directory.show(directory.tokens),
    });
  }
  if (options.start >= split.tokens - 1) {
    throw new NuwaError("VALUE", `expected a start below ${split.tokens - 1}, got ${options.start}`, {
      where: "--start",
    });
  }
  const tokenizer = await loadTokenizer(directory.tokenizer);
  const dataset = await TokenDataset.open(directory.tokens, options.split, { tokenizer });
  try {
    const count = Math.min(options.pairs + 1, split.tokens - options.start);
    return formatPairs(dataset.read(options.start, count), tokenizer, {
      context: options.context,
      pairs: options.pairs,
    });
  } finally {
    dataset.close();
  }
}
