import { Registry } from "../../text/index.ts";
import { generation } from "./generation.ts";
import type { TaskKind } from "./kind.ts";
import { loglikelihood } from "./loglikelihood.ts";
import { multipleChoice } from "./multiple-choice.ts";
import { perplexity } from "./perplexity.ts";

export * from "./kind.ts";

/** Every kind of task, by the name that a task's `kind:` says. */
export const taskKinds = new Registry<TaskKind>("kind of task", [
  multipleChoice,
  loglikelihood,
  perplexity,
  generation,
]);
