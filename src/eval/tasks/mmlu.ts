import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { NuwaError } from "../../text/errors.ts";
import { readCsv } from "./files.ts";
import { cmmluSubjects } from "./cmmlu-subjects.ts";
import type { MultipleChoiceTask, TaskItem } from "./task.ts";

const letters = ["A", "B", "C", "D"] as const;

/**
 * One row: question, four choices, answer as a letter or a position; CMMLU has a row number first.
 * Header rows (whose answer is neither) are skipped.
 */
function toItem(row: readonly string[], id: string, prompt: string): TaskItem | undefined {
  const [question, a, b, c, d, answer] = row.length >= 7 ? row.slice(1) : row;
  const gold =
    answer === undefined
      ? -1
      : Math.max(letters.indexOf(answer.trim() as "A"), ["0", "1", "2", "3"].indexOf(answer.trim()));
  if (question === undefined || gold < 0) return undefined;
  const lines = [a, b, c, d].map((choice, i) => `${letters[i]}. ${choice ?? ""}`);
  return { id, query: `${question.trim()}\n${lines.join("\n")}\n${prompt}`, choices: letters, gold };
}

async function readSubject(path: string, prompt: string): Promise<TaskItem[]> {
  const rows = await readCsv(path);
  return rows.flatMap((row, i) => {
    const item = toItem(row, String(i), prompt);
    if (item === undefined && i > 0) {
      throw new NuwaError("DATA", "expected question, four choices and an answer (A–D or 0–3)", {
        where: `${path}:${i + 1}`,
      });
    }
    return item === undefined ? [] : [item];
  });
}

interface Family {
  readonly name: "mmlu" | "cmmlu";
  readonly files: (subject: string, split: "dev" | "test") => string;
  readonly description: (subject: string) => string;
  readonly prompt: string;
}

const mmlu: Family = {
  name: "mmlu",
  files: (subject, split) => `${split}/${subject}_${split}.csv`,
  description: (subject) =>
    `The following are multiple choice questions (with answers) about ${subject.replaceAll("_", " ")}.\n\n`,
  prompt: "Answer:",
};

const cmmlu: Family = {
  name: "cmmlu",
  files: (subject, split) => `${split}/${subject}.csv`,
  description: (subject) =>
    `以下是关于${cmmluSubjects[subject] ?? subject}的单项选择题，请直接给出正确答案的选项。\n\n`,
  prompt: "答案：",
};

/**
 * MMLU (Hendrycks et al. 2021) and CMMLU (Li et al. 2023): one task for each subject found in the data folder.
 * 5-shot with the first five of dev; the leaderboard's score is the plain mean over subjects.
 */
function subjects(family: Family, dataDir: string): MultipleChoiceTask[] {
  const folder = [join(dataDir, family.name), dataDir].find((path) => existsSync(join(path, "test")));
  if (folder === undefined) {
    throw new NuwaError("FILE", `no data for task "${family.name}": looked for ${family.name}/test/*.csv`, {
      where: dataDir,
      hint: "point --data at the folder that holds the benchmark files",
    });
  }
  const suffix = family.name === "mmlu" ? "_test.csv" : ".csv";
  const names = readdirSync(join(folder, "test"))
    .filter((file) => file.endsWith(suffix))
    .toSorted();
  return names.map((file): MultipleChoiceTask => {
    const subject = file.slice(0, -suffix.length);
    return {
      kind: "multiple_choice",
      name: `${family.name}_${subject}`,
      group: family.name,
      fewShot: 5,
      metric: "acc",
      async load() {
        const files = (["test", "dev"] as const).map((split) => join(folder, family.files(subject, split)));
        const [items = [], fewShotPool = []] = await Promise.all(files.map((path) => readSubject(path, family.prompt)));
        return {
          items,
          fewShotPool,
          sampler: "first",
          poolIsTest: false,
          description: family.description(subject),
          files,
        };
      },
    };
  });
}

export const mmluSubjects = (dataDir: string): MultipleChoiceTask[] => subjects(mmlu, dataDir);
export const cmmluTasks = (dataDir: string): MultipleChoiceTask[] => subjects(cmmlu, dataDir);
