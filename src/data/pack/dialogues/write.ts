import { hashFile, hashValue } from "../../../io/hash.ts";
import { writeWhole } from "../../../io/whole-file.ts";
import type { FilesContext, FilesOutcome } from "../../define-files-stage.ts";
import type { Problem } from "../../stage.ts";
import { dialogueFiles } from "./files.ts";
import { makeDialogues, type LocatedRecord } from "./make.ts";
import { readRecords } from "./records.ts";
import type { DialogueSettings } from "./settings.ts";

const SHOWN_PROBLEMS = 5;

/** Dialogues to learn from, and questions to be tested with, from files and from facts in records. */
export async function writeDialogues(settings: DialogueSettings, context: FilesContext): Promise<FilesOutcome> {
  const problems: Problem[] = [];
  const onProblem = (problem: Problem): void => {
    problems.push(problem);
  };
  let records = 0;
  async function* counted(
    globs: readonly string[],
    format: DialogueSettings["facts"][number]["format"],
  ): AsyncGenerator<LocatedRecord> {
    for await (const record of readRecords(globs, format, { cwd: context.cwd, onProblem })) {
      context.progress(++records);
      yield record;
    }
  }
  const made = await makeDialogues(settings, {
    recordsOf: (set) => counted([set.files].flat(), set.format),
    dialogues: settings.files.length === 0 ? none() : counted(settings.files, "auto"),
    onProblem,
  });
  const files = dialogueFiles(context.folder);
  const lines = (values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join("");
  writeWhole(files.train, lines(made.train));
  writeWhole(files.heldOut, lines(made.heldOut));
  writeWhole(files.questions, lines(made.questions));
  for (const { where, message } of problems.slice(0, SHOWN_PROBLEMS)) context.warn(`${where}: ${message}`);
  const more = problems.length - SHOWN_PROBLEMS;
  if (more > 0) context.warn(`and ${more} more records that could not be used`);
  const facts = made.sets.reduce((sum, set) => sum + set.facts.length, 0);
  return {
    output: hashValue([files.train, files.heldOut, files.questions].map(hashFile)),
    summary: {
      dialogues: made.train.length,
      held_out: made.heldOut.length,
      facts,
      questions: made.questions.length,
      problems: problems.length,
    },
    line: [
      made.train.length,
      " dialogues, ",
      facts,
      " facts, ",
      made.questions.length,
      " questions",
      ...(problems.length > 0 ? [", ", problems.length, " records skipped"] : []),
    ],
  };
}

async function* none(): AsyncGenerator<LocatedRecord> {
  // No dialogue files.
}
