import { existsSync, readFileSync } from "node:fs";
import * as path from "node:path";
import { parse } from "csv-parse/sync";
import * as z from "zod";
import {
  centredMean,
  leaderboardMean,
  leaderboardTasks,
  type CentredMean,
  type MeanOfTasks,
  type TaskResult,
} from "../../eval/index.ts";
import { readJson } from "../../io/json.ts";
import { NuwaError } from "../../text/index.ts";
import { RunDirectory } from "../manifest/run-directory.ts";
import { leaderboard as published, meanOf } from "../report/published.ts";
import { readScores, resultsSchema } from "../stages/eval.ts";

/** A model's score on one task; without an error where others published it so. In shares of 1, perplexities as they are. */
export interface BoardScore {
  readonly value: number;
  readonly standardError?: number;
  /** Measured on a part of the items: an estimate. */
  readonly isPartial?: boolean;
}

/** One model of the leaderboard. */
export interface BoardRow {
  readonly model: string;
  readonly isPublished: boolean;
  readonly parameters?: string;
  /** By the leaderboard's four tasks. */
  readonly scores: Readonly<Record<string, BoardScore>>;
  /** Of ARC, HellaSwag, MMLU and TruthfulQA, when all four are there. */
  readonly mean: BoardScore | undefined;
  /** Other tasks, each by its own metric. */
  readonly others: Readonly<Record<string, BoardScore & { readonly metric: string; readonly fewShot: number }>>;
  /** CORE's centred mean over the tasks that were run. */
  readonly core: CentredMean | undefined;
}

/**
 * A model's row, from a run directory that has been measured, or from a folder that `nuwa eval --output` wrote.
 * @throws NuwaError FILE when there are no scores
 */
export function boardRow(folder: string): BoardRow {
  const root = path.resolve(folder);
  if (!existsSync(root)) throw new NuwaError("FILE", "no such run directory", { where: folder });
  const tasks = readScores(new RunDirectory(root))?.tasks ?? outputOf(root);
  if (tasks === undefined || tasks.length === 0) {
    throw new NuwaError("FILE", "no benchmark scores of this run yet", {
      where: folder,
      hint: `measure it first: nuwa eval ${folder} --tasks leaderboard --data DIR`,
    });
  }
  const four = leaderboardTasks.flatMap(({ task, metric }) => {
    const result = tasks.find((one) => one.task === task);
    const score = scoreOf(result, metric);
    return score === undefined ? [] : [[task, score] as const];
  });
  const mean = leaderboardMean(tasks);
  const isPartial = four.some(([, score]) => score.isPartial === true);
  const others = tasks
    .filter(({ task, group }) => group === undefined && !leaderboardTasks.some((one) => one.task === task))
    .flatMap((result) => {
      const score = scoreOf(result, result.metric);
      return score === undefined
        ? []
        : [[result.task, { ...score, metric: result.metric, fewShot: result.fewShot }] as const];
    });
  return {
    model: path.basename(root),
    isPublished: false,
    scores: Object.fromEntries(four),
    mean: mean === undefined ? undefined : { ...mean, isPartial },
    others: Object.fromEntries(others),
    core: centredMean(tasks),
  };
}

function outputOf(folder: string): readonly TaskResult[] | undefined {
  const file = readJson(path.join(folder, "results.json"));
  return resultsSchema.safeParse(file).success ? (file as { results: TaskResult[] }).results : undefined;
}

function scoreOf(result: TaskResult | undefined, metric: string): BoardScore | undefined {
  const score: MeanOfTasks | undefined = result?.scores[metric];
  if (result === undefined || score === undefined) return undefined;
  const { value, standardError } = score;
  return { value, standardError, isPartial: result.items < result.available };
}

const percent = (value: number): BoardScore => ({ value: value / 100 });

/** The published rows that come with Nuwa: chance, and a few known models. */
export function publishedRows(): BoardRow[] {
  return published.map((score) => ({
    model: score.model,
    isPublished: true,
    parameters: score.parameters,
    scores: Object.fromEntries(leaderboardTasks.map(({ task }) => [task, percent(score[task])])),
    mean: percent(meanOf(score)),
    others: {},
    core: undefined,
  }));
}

/**
 * Rows of a published table, as the Open LLM Leaderboard v1 was saved: a CSV with the columns Model, ARC, HellaSwag,
 * MMLU, TruthfulQA (each may name its examples, `ARC (25-shot)`) and Parameters, in percent. Models of which a score is
 * missing are left out.
 *
 * @throws NuwaError FILE, DATA for a file that is no such table
 */
export function readPublished(file: string): BoardRow[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new NuwaError("FILE", `cannot be read: ${(cause as Error).message}`, { where: file, cause });
  }
  let records: string[][];
  try {
    records = z.array(z.array(z.string())).parse(parse(text, { bom: true, relax_column_count: true }));
  } catch (cause) {
    throw new NuwaError("DATA", `not CSV: ${(cause as Error).message}`, { where: file, cause });
  }
  const [head = [], ...rows] = records;
  const column = (name: string): number => {
    const at = head.findIndex((cell) => cell.trim().toLowerCase().startsWith(name.toLowerCase()));
    if (at < 0)
      throw new NuwaError("DATA", `expected a column "${name}", got ${head.join(", ")}`, { where: `${file}:1` });
    return at;
  };
  const model = column("Model");
  const columns = leaderboardTasks.map(({ task, title }) => ({ task, at: column(title) }));
  const parameters = head.findIndex((cell) => cell.trim().toLowerCase() === "parameters");
  return rows.flatMap((row) => {
    const values = columns.map(({ task, at }) => [task, Number(row[at] === "" ? Number.NaN : row[at])] as const);
    if (values.some(([, value]) => !Number.isFinite(value))) return [];
    const size = Number(row[parameters]);
    return [
      {
        model: row[model] ?? "",
        isPublished: true,
        ...(Number.isFinite(size) && size > 0 ? { parameters: `${Number(size.toPrecision(3))}B` } : {}),
        scores: Object.fromEntries(values.map(([task, value]) => [task, percent(value)])),
        mean: percent(values.reduce((sum, [, value]) => sum + value, 0) / values.length),
        others: {},
        core: undefined,
      },
    ];
  });
}

/** All rows, best mean first; models without one at the end. */
export function sortRows(rows: readonly BoardRow[]): BoardRow[] {
  return rows.toSorted((a, b) => (b.mean?.value ?? -Infinity) - (a.mean?.value ?? -Infinity));
}
