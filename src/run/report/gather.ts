import { existsSync, readFileSync } from "node:fs";
import * as path from "node:path";
import { readPackMeta, type PackMeta } from "../../data/pack/tokens/index.ts";
import type { LedgerEntry } from "../../data/stage.ts";
import { readMetrics, type MetricsLine } from "../../train/index.ts";
import { type diversity, funnel, removed } from "../inspect.ts";
import { readManifest, type ManifestData } from "../manifest/manifest.ts";
import { readRecipe } from "../recipe/recipe.ts";
import type { Recipe } from "../settings/general.ts";
import { builtInStages } from "../stages/list.ts";
import type { RecipeStage } from "../stages/recipe-stage.ts";
import type { RunDirectory } from "../manifest/run-directory.ts";
import { summarise, type RunSummary } from "./summary.ts";

/** All that a report shows, read from the run directory. */
export interface ReportData {
  readonly recipe: Recipe;
  readonly recipeText: string;
  readonly manifest: ManifestData | undefined;
  readonly summary: RunSummary;
  readonly funnel: ReturnType<typeof funnel>;
  /** A few removed documents for each `stage/rule`. */
  readonly examples: ReadonlyMap<string, readonly LedgerEntry[]>;
  /** Only where it was asked for, since all documents are read for it. */
  readonly diversity?: Awaited<ReturnType<typeof diversity>>;
  readonly pack: PackMeta | undefined;
  readonly pretrain: readonly MetricsLine[];
  /** The training stages after pretraining that have begun, in order. */
  readonly trainings: readonly TrainingData[];
}

/** What a training stage has written, and how the report presents it. */
export interface TrainingData {
  readonly stage: string;
  readonly title: string;
  readonly lead: string;
  readonly lines: readonly MetricsLine[];
}

const EXAMPLES = 3;

/** The first entries of each `stage/rule` in the ledgers. */
export async function ruleExamples(
  directory: RunDirectory,
  most = EXAMPLES,
  stages: Iterable<RecipeStage> = builtInStages,
): Promise<Map<string, LedgerEntry[]>> {
  const examples = new Map<string, LedgerEntry[]>();
  for await (const entry of removed(directory, {}, stages)) {
    const key = `${entry.stage}/${entry.rule}`;
    const list = examples.get(key) ?? [];
    if (list.length < most) examples.set(key, [...list, entry]);
  }
  return examples;
}

/** Reads what there is; a run that is not finished gives a shorter report. */
export async function gather(
  directory: RunDirectory,
  stages: Iterable<RecipeStage> = builtInStages,
): Promise<ReportData> {
  const examples = await ruleExamples(directory, EXAMPLES, stages);
  return {
    recipe: readRecipe(directory.recipe, { env: {}, stages }),
    recipeText: readFileSync(directory.recipe, "utf8"),
    manifest: readManifest(directory.manifest),
    summary: summarise(directory),
    funnel: funnel(directory, stages),
    examples,
    pack: existsSync(path.join(directory.tokens, "meta.json")) ? await readPackMeta(directory.tokens) : undefined,
    pretrain: readMetrics(directory.metrics("pretrain")),
    trainings: [...stages].flatMap(({ name, report }) =>
      report === undefined || name === "pretrain"
        ? []
        : [{ stage: name, ...report, lines: readMetrics(directory.metrics(name)) }],
    ),
  };
}
