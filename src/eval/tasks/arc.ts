import { z } from "zod";
import { NuwaError } from "../../text/errors.ts";
import { findFile, readJsonLines } from "./files.ts";
import type { MultipleChoiceTask, TaskItem } from "./task.ts";

/** AI2's own form (choices with labels, answer as a label), or texts with the answer's position. */
const arcRecord = z.union([
  z.object({
    id: z.string(),
    question: z.string(),
    choices: z.array(z.string()).min(2),
    answer: z.int().nonnegative(),
  }),
  z.object({
    id: z.string(),
    question: z.string(),
    choices: z.object({ text: z.array(z.string()).min(2), label: z.array(z.string()) }),
    answerKey: z.string(),
  }),
]);

function toItem(record: z.infer<typeof arcRecord>): TaskItem {
  const labelled = "answerKey" in record;
  const choices = labelled ? record.choices.text : record.choices;
  const gold = labelled ? record.choices.label.indexOf(record.answerKey) : record.answer;
  if (gold < 0 || gold >= choices.length) {
    throw new NuwaError("DATA", `the answer is not among the ${choices.length} choices`, { where: `ARC ${record.id}` });
  }
  return { id: record.id, query: `Question: ${record.question}\nAnswer:`, choices, gold };
}

/** ARC (Clark et al. 2018): grade-school science questions. 25-shot, length-normalised, on the leaderboard. */
function arc(name: string, set: "ARC-Challenge" | "ARC-Easy"): MultipleChoiceTask {
  return {
    kind: "multiple_choice",
    name,
    fewShot: 25,
    metric: "acc_norm",
    async load(dataDir) {
      const places = (split: string) => [`arc/${set}.${split}.jsonl`, `${set}.${split}.jsonl`, `${set}/${split}.jsonl`];
      const files = [findFile(dataDir, name, places("test")), findFile(dataDir, name, places("train"))] as const;
      const [test, train] = await Promise.all(files.map((file) => readJsonLines(file, arcRecord)));
      return {
        items: (test ?? []).map(toItem),
        fewShotPool: (train ?? []).map(toItem),
        sampler: "random",
        poolIsTest: false,
        description: "",
        files,
      };
    },
  };
}

export const arcChallenge = arc("arc_challenge", "ARC-Challenge");
export const arcEasy = arc("arc_easy", "ARC-Easy");
