import { existsSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import * as path from "node:path";
import { makeFolder } from "../../io/folders.ts";
import { canonicalJson } from "../../io/json.ts";
import type { ManifestData } from "../manifest/manifest.ts";
import type { RunDirectory } from "../manifest/run-directory.ts";
import { isLink } from "../stages/keep-data.ts";
import { inputsOf, keyOf } from "../stages/runner.ts";
import type { Stage, StageContext } from "../stages/stage.ts";

/** A run whose finished stages another one may use. */
export interface Source {
  readonly directory: RunDirectory;
  readonly manifest: ManifestData;
}

/**
 * Names of the stages that come out the same in two recipes: equal settings, and so for all that they read.
 *
 * @param stages of one recipe, in order; `others` those of the other
 */
export function equalStages(stages: readonly Stage[], others: readonly Stage[]): ReadonlySet<string> {
  const equal = new Set<string>();
  for (const stage of stages) {
    const other = others.find(({ name }) => name === stage.name);
    if (other === undefined) continue;
    const identity = ({ version, settings, after }: Stage): string => canonicalJson([version, settings, after]);
    if (identity(stage) === identity(other) && stage.after.every((name) => equal.has(name))) equal.add(stage.name);
  }
  return equal;
}

/**
 * Gives a run the stages that another has done from the same settings and inputs: their folders by symbolic links, so
 * that no byte is copied, and their records. The run goes on as if it had done them itself; what it does otherwise it
 * makes in folders of its own, since a stage that starts anew removes the link and not what it leads to.
 *
 * @param stages that may be shared, in the run's order
 * @param sources the first that has a stage gives it
 */
export async function shareStages(
  stages: readonly Stage[],
  context: StageContext,
  sources: readonly Source[],
): Promise<void> {
  const { manifest, directory } = context;
  for (const stage of stages) {
    if (stage.after.some((name) => manifest.stage(name)?.output === undefined)) continue; // its input is still to be made
    const key = keyOf(stage, await inputsOf(stage, context));
    const own = manifest.stage(stage.name);
    if (own?.key === key && own.status === "done" && stage.isWhole() && isOwnOrStands(stage, key, directory, sources)) {
      continue;
    }
    const source = sources.find((one) => hasStage(one, stage.name, key));
    const record = source?.manifest.stages[stage.name];
    if (source === undefined || record === undefined) continue;
    // The record goes first and comes last: what lies there in between belongs to nobody.
    if (own !== undefined) manifest.remove(stage.name);
    for (const output of stage.outputs) link(output, path.relative(directory.root, output), source.directory);
    manifest.set(stage.name, record);
  }
}

function hasStage({ manifest }: Source, name: string, key: string): boolean {
  const record = manifest.stages[name];
  return record?.key === key && record.status === "done";
}

/** Puts a relative link at `output` that leads to the source's folder or file of that name, wherever that itself lies. */
function link(output: string, name: string, source: RunDirectory): void {
  rmSync(output, { recursive: true, force: true });
  const target = path.join(source.root, name);
  if (!existsSync(target)) return;
  makeFolder(path.dirname(output));
  symlinkSync(path.relative(realpathSync(path.dirname(output)), realpathSync(target)), output);
}

/** Whether a stage's output is the run's own, or a link to one that its maker has not made anew since. */
function isOwnOrStands(stage: Stage, key: string, directory: RunDirectory, sources: readonly Source[]): boolean {
  const links = stage.outputs.filter(isLink);
  return links.every((output) => {
    const target = realpathSync(output);
    const name = path.relative(directory.root, output);
    return sources.some(
      (source) => hasStage(source, stage.name, key) && isAt(target, path.join(source.directory.root, name)),
    );
  });
}

function isAt(target: string, file: string): boolean {
  return existsSync(file) && realpathSync(file) === target;
}
