import { NuwaError } from "../../text/errors.ts";
import { didYouMean } from "../../text/nearest.ts";
import { arcChallenge, arcEasy } from "./arc.ts";
import { hellaswag } from "./hellaswag.ts";
import { lambada } from "./lambada.ts";
import { cmmluTasks, mmluSubjects } from "./mmlu.ts";
import type { Task } from "./task.ts";
import { truthfulqaMc1, truthfulqaMc2 } from "./truthfulqa.ts";
import { wikitext } from "./wikitext.ts";

export * from "./task.ts";

const single: readonly Task[] = [arcChallenge, arcEasy, hellaswag, truthfulqaMc1, truthfulqaMc2, lambada, wikitext];

const groups: { readonly [name: string]: (dataDir: string) => readonly Task[] } = {
  mmlu: mmluSubjects,
  cmmlu: cmmluTasks,
  /** The four of the Open LLM Leaderboard v1. */
  leaderboard: (dataDir) => [arcChallenge, hellaswag, ...mmluSubjects(dataDir), truthfulqaMc2],
};

/** Every name that `--tasks` takes. */
export const taskNames: readonly string[] = [...single.map((task) => task.name), ...Object.keys(groups)];

/**
 * The tasks behind names such as `arc_challenge`, `mmlu`, `mmlu_anatomy`, `leaderboard`.
 * @throws NuwaError USAGE for a name that is none, with the nearest one
 */
export function findTasks(names: readonly string[], dataDir: string): Task[] {
  const found = new Map<string, Task>();
  for (const name of names) {
    const family = /^(c?mmlu)_/.exec(name)?.[1];
    const members =
      groups[name]?.(dataDir) ??
      single
        .filter((task) => task.name === name)
        .concat(family === undefined ? [] : (groups[family]?.(dataDir) ?? []).filter((task) => task.name === name));
    if (members.length === 0) throw new NuwaError("USAGE", `no task "${name}"`, { hint: didYouMean(name, taskNames) });
    for (const task of members) found.set(task.name, task);
  }
  return [...found.values()];
}
