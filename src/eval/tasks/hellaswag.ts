import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { findFile, readJson, readJsonLines } from "./files.ts";
import type { MultipleChoiceTask, TaskItem } from "./task.ts";

/** The authors' own form, or queries and choices already put together. */
const hellaswagRecord = z.union([
  z.object({
    query: z.string(),
    choices: z.array(z.string()).min(2),
    gold: z.int().nonnegative(),
    i: z.int().optional(),
  }),
  z.object({
    ind: z.int(),
    activity_label: z.string(),
    ctx_a: z.string(),
    ctx_b: z.string(),
    endings: z.array(z.string()).min(2),
    label: z.coerce.number().int().nonnegative(),
  }),
]);

/** The harness's clean-up of WikiHow's markup: `[title]` marks become full stops, other brackets go. */
export function cleanHellaswag(text: string): string {
  return text
    .trim()
    .replaceAll(" [title]", ". ")
    .replaceAll(/\[.*?\]/g, "")
    .replaceAll("  ", " ");
}

/** Python's `str.capitalize`: first character upper case, the others lower. */
function capitalize(text: string): string {
  const [first = "", ...rest] = text;
  return first.toUpperCase() + rest.join("").toLowerCase();
}

function toItem(record: z.infer<typeof hellaswagRecord>, position: number): TaskItem {
  if ("query" in record) {
    return { id: String(record.i ?? position), query: record.query, choices: record.choices, gold: record.gold };
  }
  const context = `${record.ctx_a} ${capitalize(record.ctx_b)}`;
  return {
    id: String(record.ind),
    query: cleanHellaswag(`${record.activity_label}: ${context}`),
    choices: record.endings.map(cleanHellaswag),
    gold: record.label,
  };
}

/** HellaSwag (Zellers et al. 2019): the likeliest ending. 10-shot, length-normalised, on the leaderboard. */
export const hellaswag: MultipleChoiceTask = {
  kind: "multiple_choice",
  name: "hellaswag",
  fewShot: 10,
  metric: "acc_norm",
  async load(dataDir) {
    const places = (name: string) => [`hellaswag/${name}`, name];
    const file = findFile(dataDir, "hellaswag", ["hellaswag_val.jsonl", "hellaswag_val.jsonl.gz"].flatMap(places));
    const items = (await readJsonLines(file, hellaswagRecord)).map(toItem);
    const base = { items, sampler: "random", poolIsTest: false, description: "" } as const;
    const at = (names: string[]) =>
      names
        .flatMap(places)
        .map((name) => join(dataDir, name))
        .find((path) => existsSync(path));
    const train = at(["hellaswag_train.jsonl", "hellaswag_train.jsonl.gz"]);
    if (train !== undefined) {
      return { ...base, fewShotPool: (await readJsonLines(train, hellaswagRecord)).map(toItem), files: [file, train] };
    }
    const ready = at(["fewshot_train5_olmo.json", "fewshot_train.json"]);
    if (ready !== undefined)
      return { ...base, fewShotPool: await readJson(ready, z.array(z.string())), files: [file, ready] };
    return { ...base, fewShotPool: [], files: [file] };
  },
};
