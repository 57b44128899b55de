import { collectStage } from "../../data/acquire/collect/stage.ts";
import { extractStage } from "../../data/clean/extract/stage.ts";
import { cleanStage } from "../../data/clean/normalize/stage.ts";
import { privacyStage } from "../../data/clean/privacy/stage.ts";
import { spellingStage } from "../../data/clean/spelling/stage.ts";
import { dedupStage } from "../../data/dedup/documents/stage.ts";
import { linesStage } from "../../data/dedup/lines/stage.ts";
import { substringStage } from "../../data/dedup/substring/stage.ts";
import { biasStage } from "../../data/judge/bias/stage.ts";
import { decontaminateStage } from "../../data/judge/decontaminate/stage.ts";
import { filterStage } from "../../data/judge/filter/stage.ts";
import { harmStage } from "../../data/judge/harm/stage.ts";
import { perplexityStage } from "../../data/judge/perplexity/stage.ts";
import { dialoguesStage } from "../../data/pack/dialogues/stage.ts";
import { packStage } from "../../data/pack/tokens/stage.ts";
import { Registry } from "../../text/index.ts";
import { objectives } from "../../train/index.ts";
import { corpusStage } from "./corpus.ts";
import { filesStage } from "./files.ts";
import { evalStage } from "./eval.ts";
import { mapperStage } from "./map.ts";
import type { RecipeStage } from "./recipe-stage.ts";
import { samplesStage } from "./samples.ts";
import { sourceStage } from "./source.ts";
import { tokenizerStage } from "./tokenizer.ts";
import { trainingStage } from "./train.ts";

/**
 * All stages of a run, in order. From this list come the recipe's sections, the chain, `nuwa data NAME`, what inspection
 * and report go through: a new stage is one line here, and one that trains is a line in the registry of objectives.
 */
export const builtInStages: Registry<RecipeStage> = new Registry<RecipeStage>("stage", [
  sourceStage(collectStage),
  mapperStage(extractStage),
  mapperStage(cleanStage),
  mapperStage(filterStage),
  mapperStage(spellingStage),
  mapperStage(harmStage),
  mapperStage(perplexityStage),
  mapperStage(privacyStage),
  corpusStage(dedupStage),
  corpusStage(linesStage),
  corpusStage(substringStage),
  mapperStage(biasStage),
  mapperStage(decontaminateStage),
  tokenizerStage,
  filesStage(packStage),
  filesStage(dialoguesStage),
  ...[...objectives].map((objective) => trainingStage(objective)),
  samplesStage,
  evalStage,
]);
