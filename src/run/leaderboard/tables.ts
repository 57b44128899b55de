import { isShare, leaderboardTasks } from "../../eval/index.ts";
import type { BoardRow, BoardScore } from "./board.ts";

/** A table of a leaderboard: its head, and for each row whether it is one of the models that were asked for. */
export interface BoardTable {
  readonly title: string;
  readonly note: string;
  readonly head: readonly string[];
  readonly rows: readonly { readonly isOwn: boolean; readonly cells: readonly string[] }[];
}

/** `21.8`, `21.8 ± 1.2`, `~21.8` of a part of the items; perplexities and bits as they are. */
export function cell(score: BoardScore | undefined, metric = "acc"): string {
  if (score === undefined) return "–";
  const show = (value: number) => (isShare(metric) ? (100 * value).toFixed(1) : value.toPrecision(4));
  const error = score.standardError ?? 0;
  return `${score.isPartial === true ? "~" : ""}${show(score.value)}${error > 0 ? ` ± ${show(error)}` : ""}`;
}

/** What a leaderboard shows: the four tasks and their mean, other tasks, and CORE's centred mean. */
export function boardTables(rows: readonly BoardRow[]): BoardTable[] {
  const own = rows.filter(({ isPublished }) => !isPublished);
  const tables: BoardTable[] = [
    {
      title: "Open LLM Leaderboard v1",
      note: "ARC 25-shot, HellaSwag 10-shot, MMLU 5-shot, TruthfulQA 0-shot (mc2), in percent with standard errors; ~ is an estimate from a part of the items.",
      head: ["model", "parameters", ...leaderboardTasks.map(({ title }) => title), "mean"],
      rows: rows
        .filter((row) => Object.keys(row.scores).length > 0)
        .map((row) => ({
          isOwn: !row.isPublished,
          cells: [
            row.model,
            row.parameters ?? "",
            ...leaderboardTasks.map(({ task }) => cell(row.scores[task])),
            cell(row.mean),
          ],
        })),
    },
  ];
  const others = [...new Set(own.flatMap((row) => Object.keys(row.others)))];
  if (others.length > 0) {
    tables.push({
      title: "Other tasks",
      note: "Each by its own metric: shares in percent, perplexities and bits as they are.",
      head: ["task", "metric", "shots", ...own.map(({ model }) => model)],
      rows: others.map((task) => {
        const known = own.find((row) => row.others[task] !== undefined)?.others[task];
        return {
          isOwn: false,
          cells: [
            task,
            known?.metric ?? "",
            String(known?.fewShot ?? ""),
            ...own.map((row) => cell(row.others[task], row.others[task]?.metric)),
          ],
        };
      }),
    });
  }
  // One task's mean says nothing that its score does not.
  const centred = own.flatMap(({ model, core }) =>
    core !== undefined && Object.keys(core.tasks).length > 1 ? [{ model, core }] : [],
  );
  if (centred.length > 0) {
    tables.push({
      title: "Centred mean of CORE's tasks",
      note: "(score − chance) / (1 − chance), 0 is guessing and 1 perfect, over the tasks of DCLM's CORE that were run.",
      head: ["model", "centred mean", "tasks", "missing"],
      rows: centred.map(({ model, core }) => ({
        isOwn: true,
        cells: [
          model,
          `${core.value.toFixed(3)} ± ${core.standardError.toFixed(3)}`,
          String(Object.keys(core.tasks).length),
          core.missing.join(" "),
        ],
      })),
    });
  }
  return tables.filter(({ rows: lines }) => lines.length > 0);
}
