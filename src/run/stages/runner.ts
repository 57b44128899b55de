import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { NuwaError, toJson, type JsonValue } from "../../text/index.ts";
import pc from "picocolors";
import { hashValue } from "../../io/hash.ts";
import { canonicalJson } from "../../io/json.ts";
import type { StageRecord } from "../manifest/manifest.ts";
import { releaseDocuments, type KeepData } from "./keep-data.ts";
import { Interrupted, stopIfAborted } from "../interrupted.ts";
import type { Stage, StageContext } from "./stage.ts";

export interface RunnerOptions {
  /** Throw away checkpoints made with other settings or data. */
  readonly fresh?: boolean;
  /** Run up to and including this stage. */
  readonly until?: string | undefined;
  /** Called once nothing has been refused, before the first stage. */
  readonly onAccepted?: () => void | Promise<void>;
  /** Do this stage again although nothing changed. */
  readonly redo?: string | undefined;
  /** The recipe's `keep_data`; default: all. */
  readonly keepData?: KeepData;
}

/**
 * Runs stages in order. A stage whose settings and inputs are those of its record in the manifest is skipped; one that
 * was interrupted goes on where it stopped; any other starts anew, and what reads its output follows if that output
 * changed.
 *
 * @throws NuwaError TRAINING when checkpoints were made with other settings and `fresh` is not set
 * @throws Interrupted after Ctrl-C
 */
export async function runStages(
  stages: readonly Stage[],
  context: StageContext,
  options: RunnerOptions = {},
): Promise<void> {
  const last = options.until === undefined ? stages.length - 1 : stages.findIndex(({ name }) => name === options.until);
  if (last === -1) {
    throw new NuwaError("USAGE", `the recipe has no stage "${options.until ?? ""}"`, {
      hint: `it has: ${stages.map(({ name }) => name).join(", ")}`,
    });
  }
  const chosen = stages.slice(0, last + 1);
  // Said before hours of data work, not after.
  if (options.fresh !== true) for (const stage of chosen) refuseOtherSettings(stage, context);
  for (const stage of chosen) if (context.manifest.stage(stage.name)?.status !== "done") stage.requireFeasible?.();
  await options.onAccepted?.();
  for (const [index, stage] of chosen.entries()) {
    stopIfAborted(context.signal);
    await runStage(stage, stages, context, options);
    releaseDocuments(stages, chosen.slice(0, index + 1), options.keepData ?? "all");
  }
}

/** @param all the whole chain, for what must be made again before the stage can run */
async function runStage(
  stage: Stage,
  all: readonly Stage[],
  context: StageContext,
  options: RunnerOptions,
): Promise<void> {
  const { manifest, progress } = context;
  let inputs = await inputsOf(stage, context);
  let key = keyOf(stage, inputs);
  const record = manifest.stage(stage.name);
  const redo = options.redo === stage.name;
  if (record?.key === key && record.status === "done" && !redo && stage.isWhole()) {
    progress.line(`${pc.dim("·")} ${stage.name.padEnd(10)} ${pc.dim("done before, nothing changed")}`);
    return;
  }
  const deleted = all.filter(({ name, shards }) => stage.after.includes(name) && shards?.isReleased === true);
  for (const source of deleted) {
    progress.line(
      `  the documents of "${source.name}" were deleted (keep_data); "${stage.name}" needs them: made again`,
    );
    await runStage(source, all, context, { ...options, redo: source.name });
    inputs = await inputsOf(stage, context);
    key = keyOf(stage, inputs);
  }
  const same = record?.key === key;
  const resumes =
    !redo && record !== undefined && (same ? record.status === "running" : goesOn(stage, record, inputs, options));
  if (!resumes && record !== undefined && stage.precious && !same && options.fresh !== true) {
    throw refusal(stage, record, inputs, context);
  }
  if (stage.precious && record === undefined && options.fresh !== true) refuseUnknownOutput(stage, context);
  const started = new Date().toISOString();
  const before: StageRecord = {
    status: "running",
    key,
    settings: stage.settings,
    inputs,
    started: resumes ? record.started : started,
    seconds: resumes ? record.seconds : 0,
  };
  if (!resumes) {
    // The record goes first: were the process killed in between, what still lies there belongs to nobody.
    manifest.remove(stage.name);
    for (const output of stage.outputs) rmSync(output, { recursive: true, force: true });
    manifest.set(stage.name, before);
  } else if (!same) manifest.set(stage.name, before);
  const clock = performance.now();
  try {
    const outcome = await stage.run(context);
    manifest.set(stage.name, {
      ...before,
      status: "done",
      output: outcome.output,
      finished: new Date().toISOString(),
      seconds: before.seconds + (performance.now() - clock) / 1000,
      summary: outcome.summary,
    });
  } catch (error) {
    if (error instanceof Interrupted) {
      manifest.set(stage.name, { ...before, seconds: before.seconds + (performance.now() - clock) / 1000 });
    }
    throw error;
  }
}

/** Checkpoints that the manifest knows nothing of (it was deleted, or is another's) are not deleted unasked. */
function refuseUnknownOutput(stage: Stage, { directory }: StageContext): void {
  const folder = stage.outputs.find((output) => existsSync(output) && statSync(output).isDirectory());
  if (folder === undefined || readdirSync(folder).length === 0) return;
  throw new NuwaError("TRAINING", `"${stage.name}" left files here that the run's manifest does not know`, {
    where: directory.show(folder),
    hint: "move them away to keep them, or let --fresh delete them and train anew",
  });
}

/**
 * Hashes of all that a stage reads.
 * @throws NuwaError USAGE when a stage that it reads is not done
 */
export async function inputsOf(stage: Stage, context: StageContext): Promise<Record<string, string>> {
  const inputs: Record<string, string> = {};
  for (const name of stage.after) {
    const output = context.manifest.stage(name)?.output;
    if (output === undefined) {
      throw new NuwaError("USAGE", `stage "${stage.name}" needs "${name}", which is not done`, {
        where: context.directory.root,
        hint: "run the recipe from its beginning",
      });
    }
    inputs[name] = output;
  }
  return { ...inputs, ...(await stage.outside?.(context)) };
}

/** The hash of everything that decides a stage's output. */
export function keyOf(
  { name, version, settings }: Pick<Stage, "name" | "version" | "settings">,
  inputs: Record<string, string>,
): string {
  return hashValue({ stage: name, version, settings, inputs });
}

/** Whether a stage goes on from its record although its settings changed: nothing else did, and it can. */
function goesOn(
  stage: Stage,
  record: StageRecord,
  inputs: Record<string, string>,
  { fresh = false }: RunnerOptions,
): boolean {
  if (fresh || stage.canGoOn?.(record.settings) !== true) return false;
  return keyOf({ ...stage, settings: record.settings as JsonValue }, inputs) === record.key;
}

function refuseOtherSettings(stage: Stage, context: StageContext): void {
  const record = context.manifest.stage(stage.name);
  if (!stage.precious || record === undefined || stage.canGoOn?.(record.settings) === true) return;
  if (canonicalJson(record.settings) !== canonicalJson(stage.settings))
    throw refusal(stage, record, record.inputs, context);
}

function refusal(stage: Stage, record: StageRecord, inputs: Record<string, string>, context: StageContext): NuwaError {
  const changed = differences(toJson(record.settings), stage.settings, stage.name);
  const inputChanges = [...new Set([...Object.keys(record.inputs), ...Object.keys(inputs)])]
    .filter((name) => record.inputs[name] !== inputs[name])
    .map((name) => `its input "${name}" changed`);
  const all = [...changed, ...inputChanges];
  const shown = all.length > 6 ? [...all.slice(0, 6), `and ${all.length - 6} more`] : all;
  const why = shown.length === 0 ? "another version of Nuwa made it" : shown.join("; ");
  return new NuwaError("TRAINING", `"${stage.name}" here was trained with other settings: ${why}`, {
    where: context.directory.show(context.directory.root),
    hint: "--fresh deletes its checkpoints and trains anew; --set name=… keeps both",
  });
}

/** Leaves that differ, as `pretrain.steps 200 → 300`. */
export function differences(before: JsonValue | undefined, after: JsonValue | undefined, path: string): string[] {
  if (canonicalJson(before) === canonicalJson(after)) return [];
  if (isMapping(before) && isMapping(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => differences(before[key], after[key], `${path}.${key}`));
  }
  const show = (value: JsonValue | undefined): string => {
    if (value === undefined) return "(not set)";
    const text = JSON.stringify(value);
    return text.length > 40 ? `${text.slice(0, 39)}…` : text;
  };
  return [`${path} ${show(before)} → ${show(after)}`];
}

function isMapping(value: JsonValue | undefined): value is { [key: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
