import type { LedgerEntry } from "../../data/stage.ts";
import type { RunDirectory } from "../manifest/run-directory.ts";
import type { RecipeStage } from "../stages/recipe-stage.ts";

/**
 * Writes a run's report.html from whatever the run has done so far.
 * The drawing libraries are loaded only now: no other command should wait for them.
 *
 * @returns the page's path
 */
export async function writeReport(directory: RunDirectory, stages?: Iterable<RecipeStage>): Promise<string> {
  return (await import("./report.ts")).writeReport(directory, stages);
}

/** The page of a run's data part alone. */
export async function dataReport(directory: RunDirectory, stages?: Iterable<RecipeStage>): Promise<string> {
  return (await import("./report.ts")).dataReport(directory, stages);
}

/** The first entries of each `stage/rule` in a run's ledgers, as many as asked for. */
export async function ruleExamples(
  directory: RunDirectory,
  most: number,
  stages?: Iterable<RecipeStage>,
): Promise<Map<string, LedgerEntry[]>> {
  return (await import("./gather.ts")).ruleExamples(directory, most, stages);
}
