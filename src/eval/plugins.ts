import { withPlugins, type Plugin } from "../io/plugins.ts";
import type { Registry } from "../text/index.ts";
import { isTaskKind, taskKinds, type TaskKind } from "./kinds/index.ts";
import { builtInTasks, isTaskDefinition, type TaskDefinition } from "./tasks/index.ts";

/** The tasks and kinds of task that there are. */
export interface EvalDefinitions {
  readonly definitions: Registry<TaskDefinition>;
  readonly kinds: Registry<TaskKind>;
}

/**
 * The built-in tasks and kinds, and those of plugins (`tasks` and `taskKinds` of a module's default export).
 *
 * @throws NuwaError VALUE naming the plugin in which there is something else
 */
export function evalDefinitions(plugins: readonly Plugin[]): EvalDefinitions {
  return {
    definitions: withPlugins(builtInTasks(), "tasks", plugins, isTaskDefinition),
    kinds: withPlugins(taskKinds, "taskKinds", plugins, isTaskKind),
  };
}
