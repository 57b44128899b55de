import { extractStage } from "../../data/clean/extract/stage.ts";
import { cleanStage } from "../../data/clean/normalize/stage.ts";
import { privacyStage } from "../../data/clean/privacy/stage.ts";
import { spellingStage } from "../../data/clean/spelling/stage.ts";
import { biasStage } from "../../data/judge/bias/stage.ts";
import { decontaminateStage } from "../../data/judge/decontaminate/stage.ts";
import { filterStage } from "../../data/judge/filter/stage.ts";
import { harmStage } from "../../data/judge/harm/stage.ts";
import { perplexityStage } from "../../data/judge/perplexity/stage.ts";
import { Registry } from "../../text/index.ts";
import { collectStage } from "./collect.ts";
import { dedupStage } from "./dedup.ts";
import { dialoguesStage } from "./dialogues.ts";
import { evalStage } from "./eval.ts";
import { linesStage } from "./lines.ts";
import { mapperStage } from "./map.ts";
import { packStage } from "./pack.ts";
import type { RecipeStage } from "./recipe-stage.ts";
import { samplesStage } from "./samples.ts";
import { substringStage } from "./substring.ts";
import { tokenizerStage } from "./tokenizer.ts";
import { fineTuning, pretraining } from "./train.ts";

/**
 * All stages of a run, in order. From this list come the recipe's sections, the chain, `nuwa data NAME`, what inspection
 * and report go through: a new stage is one line here.
 */
export const builtInStages: Registry<RecipeStage> = new Registry<RecipeStage>("stage", [
  collectStage,
  mapperStage(extractStage),
  mapperStage(cleanStage),
  mapperStage(filterStage),
  mapperStage(spellingStage),
  mapperStage(harmStage),
  mapperStage(perplexityStage),
  mapperStage(privacyStage),
  dedupStage,
  linesStage,
  substringStage,
  mapperStage(biasStage),
  mapperStage(decontaminateStage),
  tokenizerStage,
  packStage,
  pretraining,
  dialoguesStage,
  fineTuning,
  samplesStage,
  evalStage,
]);
