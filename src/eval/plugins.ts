import { loadPlugins, pluginAddresses, withPlugins } from "../io/plugins.ts";
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
 * @param files plugin files, relative to `cwd`
 * @throws NuwaError FILE or VALUE naming the plugin that cannot be loaded, or what in it is no such definition
 */
export async function evalDefinitions(files: readonly string[], cwd: string): Promise<EvalDefinitions> {
  const plugins = await loadPlugins(pluginAddresses(files, cwd));
  return {
    definitions: withPlugins(builtInTasks, "tasks", plugins, isTaskDefinition),
    kinds: withPlugins(taskKinds, "taskKinds", plugins, isTaskKind),
  };
}
