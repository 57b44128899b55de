import { existsSync } from "node:fs";
import * as path from "node:path";
import {
  dialogueSettings,
  makeDialogues,
  type DialogueSettings,
  type LocatedRecord,
} from "../../data/pack/dialogues/index.ts";
import { readRecords } from "../../data/pack/dialogues/records.ts";
import type { Problem } from "../../data/stage.ts";
import { toJson } from "../../text/index.ts";
import { hashFile, hashValue } from "../../io/hash.ts";
import { writeWhole } from "../../io/whole-file.ts";
import { count } from "../progress.ts";
import type { RunDirectory } from "../manifest/run-directory.ts";
import { defineRecipeStage } from "./recipe-stage.ts";
import { stopIfAborted, type StageContext, type StageOutcome } from "./stage.ts";
import { fingerprintFiles } from "./outside-files.ts";

/** Where the dialogue stage's files are. */
export function dialogueFiles(directory: RunDirectory): { train: string; heldOut: string; questions: string } {
  const at = (name: string): string => path.join(directory.dialogues, name);
  return { train: at("train.jsonl"), heldOut: at("held-out.jsonl"), questions: at("questions.jsonl") };
}

/** Dialogues to learn from, and questions to be tested with, from files and from facts in records. */
export const dialoguesStage = defineRecipeStage({
  name: "dialogues",
  group: "data",
  summary: "Make the dialogues that the model learns to answer from.",
  schema: dialogueSettings,
  inherits: ["seed"],
  create: (settings, { directory }) => {
    const files = dialogueFiles(directory);
    return {
      name: "dialogues",
      version: 1,
      settings: toJson(settings),
      after: [],
      outside: (context) => fingerprint(settings, context),
      outputs: [directory.dialogues],
      precious: false,
      isWhole: () => Object.values(files).every((file) => existsSync(file)),
      run: (context) => run(directory, settings, context),
    };
  },
});

async function fingerprint(settings: DialogueSettings, { cwd }: StageContext): Promise<Record<string, string>> {
  const inputs: Record<string, string> = {};
  if (settings.files.length > 0) inputs["dialogue files"] = await fingerprintFiles(settings.files, { cwd });
  for (const set of settings.facts) {
    inputs[`files of "${set.name}"`] = await fingerprintFiles([set.files].flat(), { cwd, format: set.format });
  }
  return inputs;
}

async function run(
  directory: RunDirectory,
  settings: DialogueSettings,
  { progress, signal, cwd }: StageContext,
): Promise<StageOutcome> {
  const bar = progress.bar("dialogues", "records");
  const problems: Problem[] = [];
  const onProblem = (problem: Problem): void => {
    problems.push(problem);
  };
  let records = 0;
  async function* counted(
    globs: readonly string[],
    format: DialogueSettings["facts"][number]["format"],
  ): AsyncGenerator<LocatedRecord> {
    for await (const record of readRecords(globs, format, { cwd, onProblem })) {
      stopIfAborted(signal);
      bar.update(++records);
      yield record;
    }
  }
  const made = await makeDialogues(settings, {
    recordsOf: (set) => counted([set.files].flat(), set.format),
    dialogues: settings.files.length === 0 ? none() : counted(settings.files, "auto"),
    onProblem,
  });
  const files = dialogueFiles(directory);
  const lines = (values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join("");
  writeWhole(files.train, lines(made.train));
  writeWhole(files.heldOut, lines(made.heldOut));
  writeWhole(files.questions, lines(made.questions));
  const facts = made.sets.reduce((sum, set) => sum + set.facts.length, 0);
  const skipped = problems.length > 0 ? `, ${count(problems.length)} records skipped` : "";
  bar.done(
    `${count(made.train.length)} dialogues, ${count(facts)} facts, ${count(made.questions.length)} questions${skipped}`,
  );
  for (const { where, message } of problems.slice(0, 5)) progress.warn(`${where}: ${message}`);
  if (problems.length > 5) progress.warn(`and ${problems.length - 5} more records that could not be used`);
  return {
    output: hashValue(Object.values(files).map(hashFile)),
    summary: {
      dialogues: made.train.length,
      held_out: made.heldOut.length,
      facts,
      questions: made.questions.length,
      problems: problems.length,
    },
  };
}

async function* none(): AsyncGenerator<LocatedRecord> {
  // No dialogue files.
}
