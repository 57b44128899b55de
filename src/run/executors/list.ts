import { Registry } from "../../text/index.ts";
import type { ExecutorDefinition } from "./executor.ts";
import { localExecutor } from "./local.ts";

/** All kinds of executors: a new one is a file of this folder and a line here. */
export const builtInExecutors: Registry<ExecutorDefinition> = new Registry<ExecutorDefinition>("executor", [
  localExecutor,
]);
