export { stagesOf } from "./stages/chain.ts";
export { builtInStages } from "./stages/list.ts";
export {
  defineRecipeStage,
  type RecipeStage,
  type StageDefinition,
  type StageGroup,
  type StageLinks,
} from "./stages/recipe-stage.ts";
export {
  biasTable,
  diversity,
  funnel,
  mixtureOf,
  mixtureRows,
  removed,
  removedByRule,
  trainingPairs,
  why,
  type Step,
  type Way,
} from "./inspect.ts";
export { readManifest, type ManifestData, type StageRecord } from "./manifest/manifest.ts";
export { bytes, count, duration, Progress, type Bar, type ProgressOptions } from "./progress.ts";
export { check as checkValue } from "../text/settings/issues.ts";
export { parseRecipe as parseSettings } from "./recipe/load.ts";
export { printRecipe } from "./recipe/print.ts";
export { openRecipe, openRun, type OpenRecipe, pluginsFor } from "./recipe/open.ts";
export { readRecipe } from "./recipe/recipe.ts";
export { sectionOf, type Recipe } from "./settings/general.ts";
export { recipeSchemaOf } from "./recipe/schema.ts";
export { recipeJsonSchema } from "./recipe/json-schema.ts";
export { dataReport, ruleExamples, writeReport } from "./report/write.ts";
export {
  boardRow,
  publishedRows,
  readPublished,
  sortRows,
  type BoardRow,
  type BoardScore,
} from "./leaderboard/board.ts";
export { leaderboardPage } from "./leaderboard/page.ts";
export { boardTables, type BoardTable } from "./leaderboard/tables.ts";
export { findModel, RunDirectory } from "./manifest/run-directory.ts";
export { readVariants, type Variant } from "./recipe/variants.ts";
export { comparison, summariseSweep, type SweepSummary, type VariantSummary } from "./report/sweep-summary.ts";
export { type Executor, type ExecutorDefinition, type ExecutorOptions } from "./executors/executor.ts";
export { type Task } from "./shards/tasks.ts";
export { work } from "./shards/work.ts";
export { runRecipe, type RunOptions } from "./run.ts";
export { requireAllDone, runSweep } from "./sweep/sweep.ts";
export { Interrupted } from "./interrupted.ts";
export { version } from "./manifest/version.ts";
export { scoreLines, summarise, summaryText, type RunSummary } from "./report/summary.ts";
export { diagnose, type Finding } from "./doctor.ts";
export { writeWhole } from "../io/whole-file.ts";
