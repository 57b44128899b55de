import * as path from "node:path";
import pc from "picocolors";
import { NuwaError } from "../../text/index.ts";
import { fileError } from "../../io/errno.ts";
import { readManifest } from "../manifest/manifest.ts";
import { RunDirectory } from "../manifest/run-directory.ts";
import { writeSweepState, type VariantState } from "../manifest/sweep-state.ts";
import type { Recipe } from "../settings/general.ts";
import type { Variant } from "../recipe/variants.ts";
import { writeReport } from "../report/write.ts";
import { makesData, withRun, writeRecipe, type OwnedRun, type RunOptions } from "../run.ts";
import { stagesOf } from "../stages/chain.ts";
import { builtInStages } from "../stages/list.ts";
import type { RecipeStage } from "../stages/recipe-stage.ts";
import { releaseDocuments } from "../stages/keep-data.ts";
import { runStages } from "../stages/runner.ts";
import { Interrupted } from "../interrupted.ts";
import type { Stage } from "../stages/stage.ts";
import { equalStages, shareStages, type Source } from "./share.ts";

/**
 * Runs a sweep: the data stages once, then each variant in `variants/ID/`, a run directory like any other, in which the
 * shared data are links. A variant that changes a data stage makes its own data from that stage on, and another that
 * changes it alike takes them from there. Run again, it goes on from where it was; a variant that failed is tried again.
 * One that fails does not stop the others.
 *
 * @param recipe with its `sweep` section; `variants` as {@link readVariants} gives them
 * @returns the sweep's directory, and how each variant went
 * @throws NuwaError for mistakes in the recipe and for data stages that cannot go on; Interrupted after Ctrl-C
 */
export async function runSweep(
  recipe: Recipe,
  variants: readonly Variant[],
  options: Omit<RunOptions, "until" | "redo" | "onAccepted" | "keepData">,
): Promise<{ readonly directory: RunDirectory; readonly variants: readonly VariantState[] }> {
  const { stages: list = builtInStages, progress, where, cwd } = options;
  const root = new RunDirectory(path.resolve(cwd, options.directory ?? path.join("runs", recipe.name)));
  // Mistakes of the last variant are said before the first one trains.
  const chains = variants.map((variant) => stagesOf(variant.recipe, list, root.variant(variant.id), where));
  return withRun(recipe, options, async ({ directory, stages, context }) => {
    const common = commonStages(dataStages(stages, list), chains);
    if (common.length > 0) await runStages(common, context, { fresh: options.fresh ?? false });
    writeRecipe(directory, recipe, list);
    const states: VariantState[] = variants.map(({ id, overrides }) => ({
      id,
      overrides: { ...overrides },
      status: "waiting",
    }));
    writeSweepState(directory, states);
    try {
      for (const [index, variant] of variants.entries()) {
        progress.line(`${pc.bold(variant.id)} ${pc.dim(`variant ${index + 1} of ${variants.length}`)}`);
        const state = { ...states[index], id: variant.id, overrides: { ...variant.overrides } };
        const error = await runVariant(variant, directory, sourcesOf(directory, states, variant.id), options);
        states[index] = error === undefined ? { ...state, status: "done" } : { ...state, status: "failed", error };
        if (error !== undefined) progress.warn(`variant ${variant.id} failed: ${error}`);
        writeSweepState(directory, states);
      }
      // Kept until now, since any variant may have needed them; one that failed may still.
      if (states.every(({ status }) => status === "done")) releaseDocuments(common, common, recipe.keep_data);
    } finally {
      await writeReport(directory, list);
    }
    return { directory, variants: states };
  });
}

/** @throws NuwaError TRAINING naming each variant that failed, and why */
export function requireAllDone(variants: readonly VariantState[], where: string): void {
  const failed = variants.filter(({ status }) => status === "failed");
  if (failed.length === 0) return;
  const reasons = failed.map(({ id, error }) => `${id}: ${error ?? "unknown"}`).join("; ");
  throw new NuwaError("TRAINING", `${failed.length} of ${variants.length} variants failed: ${reasons}`, {
    where,
    hint: "the others are done; run the same command again to try these once more",
  });
}

/** @returns why it failed, in one line; undefined when it did not */
async function runVariant(
  { id, recipe }: Variant,
  directory: RunDirectory,
  sources: readonly Source[],
  options: Omit<RunOptions, "until" | "redo" | "onAccepted" | "keepData">,
): Promise<string | undefined> {
  const { stages: list = builtInStages, signal } = options;
  const own = { ...options, directory: directory.variant(id).root };
  try {
    await withRun(recipe, own, async ({ directory: variant, stages, context }: OwnedRun) => {
      await runStages(stages, context, {
        ...own,
        keepData: recipe.keep_data,
        onAccepted: async () => {
          writeRecipe(variant, recipe, list);
          await shareStages(dataStages(stages, list), context, sources);
        },
      });
      await writeReport(variant, list);
    });
    return undefined;
  } catch (error) {
    if (error instanceof Interrupted || signal.aborted) throw error;
    const named = fileError(error);
    if (named instanceof NuwaError) return named.toLine();
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}

/** The stages that make data, of a chain. */
function dataStages(stages: readonly Stage[], list: Iterable<RecipeStage>): Stage[] {
  const names = new Set([...list].filter(makesData).map(({ name }) => name));
  return stages.filter(({ name }) => names.has(name));
}

/** Of the sweep's own data stages those that at least one variant can use, and what they need. */
function commonStages(stages: readonly Stage[], chains: readonly (readonly Stage[])[]): Stage[] {
  const used = new Set(chains.flatMap((chain) => [...equalStages(stages, chain)]));
  return stages.filter(({ name }) => used.has(name));
}

/** The sweep's own data, and those of its other variants. */
function sourcesOf(directory: RunDirectory, states: readonly VariantState[], except: string): Source[] {
  const others = states.filter(({ id }) => id !== except);
  const directories = [directory, ...others.map(({ id }) => directory.variant(id))];
  return directories.flatMap((one) => {
    const manifest = readManifest(one.manifest);
    return manifest === undefined ? [] : [{ directory: one, manifest }];
  });
}
