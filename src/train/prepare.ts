import { join } from "node:path";
import { loadPlugins, withPlugins } from "../io/plugins.ts";
import { hashFileAsync } from "../io/hash.ts";
import type { SpecialTokenIds } from "../models/index.ts";
import { loadTokenizer, type Tokenizer } from "../tokenizer/index.ts";
import type { TrainJob } from "./job.ts";
import { isObjectiveDefinition, type ObjectiveDefinition, objectiveOfStage } from "./objectives/define.ts";
import type { Objective } from "./objectives/objective.ts";
import { objectives } from "./objectives/registry.ts";
import { choicesWith, type TrainingChoices, type TrainSettings } from "./settings.ts";

/** What a job's files come to: all that can be wrong with them is found here, before any memory is taken. */
export interface Prepared {
  readonly definition: ObjectiveDefinition;
  /** What the settings choose from. */
  readonly choices: TrainingChoices;
  readonly settings: TrainSettings;
  readonly tokenizer: Tokenizer;
  readonly objective: Objective;
  /** Written beside the model; the end token is what ends an answer, where there are answers. */
  readonly specialTokens: SpecialTokenIds;
  /** Of tokenizer.json. */
  readonly vocabularyFingerprint: string;
  /** Of the weights to begin with. */
  readonly initFingerprint: string | undefined;
}

/** @throws NuwaError DATA, FILE, CHECKPOINT or VALUE for files and settings that cannot be trained with */
export async function prepare(job: TrainJob): Promise<Prepared> {
  const plugins = await loadPlugins(job.plugins ?? []);
  const known = withPlugins(objectives, "objectives", plugins, isObjectiveDefinition);
  const choices = choicesWith(plugins);
  const definition = objectiveOfStage(known, job.stage).with(choices);
  const settings = definition.settings(job.settings);
  const tokenizer = await loadTokenizer(job.tokenizer);
  const objective = await definition.prepare({ job, tokenizer });
  const [end] = objective.endTokens;
  return {
    definition,
    choices,
    settings,
    tokenizer,
    objective,
    specialTokens: { bos_token_id: tokenizer.bosId, eos_token_id: end, pad_token_id: tokenizer.padId },
    vocabularyFingerprint: await hashFileAsync(join(job.tokenizer, "tokenizer.json")),
    initFingerprint: job.init === undefined ? undefined : await hashFileAsync(join(job.init, "model.safetensors")),
  };
}
