import * as z from "zod";
import { cleanSettings } from "../../data/clean/normalize/index.ts";
import { collectSettings } from "../../data/acquire/collect/index.ts";
import { dedupSettings } from "../../data/dedup/documents/index.ts";
import { linesSettings } from "../../data/dedup/lines/settings.ts";
import { substringSettings } from "../../data/dedup/substring/settings.ts";
import { dialogueSettings } from "../../data/pack/dialogues/index.ts";
import { extractSettings } from "../../data/clean/extract/index.ts";
import { filterSettings } from "../../data/judge/filter/settings.ts";
import { decontaminateSettings } from "../../data/judge/decontaminate/settings.ts";
import { biasSettings } from "../../data/judge/bias/settings.ts";
import { harmSettings } from "../../data/judge/harm/settings.ts";
import { perplexitySettings } from "../../data/judge/perplexity/settings.ts";
import { spellingSettings } from "../../data/clean/spelling/settings.ts";
import { privacySettings } from "../../data/clean/privacy/settings.ts";
import { packSettings } from "../../data/pack/tokens/index.ts";
import { tokenizerSettings } from "../../tokenizer/index.ts";
import { pretrainSettings, sftSettings } from "../../train/settings.ts";
import { evalStageSettings } from "./eval-settings.ts";

/**
 * A recipe: what each stage is to do. A stage that is left out, or `false`, is skipped.
 * (`unwrap` takes off a schema's own default, with which a stage left out would run after all.)
 */
export const recipeSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u, {
      error: "expected a name of letters, digits, . _ - that can be a folder's",
    })
    .describe("What the run is called: it lives in runs/NAME. Default: the recipe's file name."),
  language: z.enum(["en", "zh"]).default("en").describe("Language of the report: en, or zh for English and Chinese."),
  seed: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .default(1)
    .describe("All that is random comes from it; a stage's own seed goes before it."),
  threads: z
    .int()
    .min(1)
    .max(1024)
    .optional()
    .describe("Threads for data stages and kernels: changes the speed, never the result. Default: all cores."),
  memory_mb: z
    .number()
    .min(1)
    .default(512)
    .describe("Memory for sorting and suffix arrays in data stages, in MB: changes the speed, never the result."),
  device: z
    .enum(["auto", "cpu", "reference"])
    .default("auto")
    .describe("cpu: native kernels; reference: plain TypeScript, slow; auto: cpu where it is built."),
  shard_mb: z
    .number()
    .positive()
    .max(1000)
    .default(4)
    .describe("Size of a data shard in MB of text: what one worker takes at a time, and what an interruption loses."),
  collect: collectSettings.optional().describe("Read documents from files."),
  extract: extractSettings.optional().describe("HTML pages to their main text, Markdown to plain text."),
  clean: cleanSettings.optional().describe("Repair and normalise the text."),
  filter: filterSettings.unwrap().optional().describe("Drop documents of other languages and of low quality."),
  spelling: spellingSettings.optional().describe("Correct the spelling of English documents."),
  harm: harmSettings.optional().describe("Drop abusive, sexual and other harmful text."),
  perplexity: perplexitySettings.optional().describe("Drop documents that a model of good text finds too surprising."),
  privacy: privacySettings.optional().describe("Mask or remove personal data."),
  dedup: dedupSettings.unwrap().optional().describe("Drop copies and near copies."),
  lines: linesSettings.unwrap().optional().describe("Remove paragraphs and lines that many documents share."),
  substring: substringSettings.unwrap().optional().describe("Remove passages that came before in the corpus."),
  bias: biasSettings.optional().describe("Measure which groups stand with which attributes; remove or balance."),
  decontaminate: decontaminateSettings.optional().describe("Drop text that stands in a benchmark."),
  tokenizer: tokenizerSettings.optional().describe("Train the tokenizer on what is left."),
  pack: packSettings.optional().describe("Text to tokens: training and held-out data."),
  pretrain: pretrainSettings.optional().describe("Train the model to continue text."),
  dialogues: dialogueSettings.optional().describe("Make the dialogues that the model learns to answer from."),
  sft: sftSettings.optional().describe("Supervised fine-tuning: train the model to answer."),
  eval: evalStageSettings.optional().describe("Measure the model."),
  samples: z
    .array(z.string())
    .optional()
    .describe("Prompts that the finished model continues at the end of the run and in the report."),
});

export type Recipe = z.output<typeof recipeSchema>;

/** Sections that take `seed`, `threads` or `device` from the top of the recipe unless they have their own. */
const INHERITS: Readonly<Record<string, readonly string[]>> = {
  pack: ["seed"],
  dialogues: ["seed"],
  pretrain: ["seed", "threads", "device"],
  sft: ["seed", "threads", "device"],
};

/** Fills in what sections take from the top level; works on values before they are checked. */
export function inherit(recipe: Record<string, unknown>): Record<string, unknown> {
  const out = { ...recipe };
  for (const [name, keys] of Object.entries(INHERITS)) {
    const section = out[name];
    if (typeof section !== "object" || section === null || Array.isArray(section)) continue;
    const filled: Record<string, unknown> = { ...section };
    for (const key of keys) if (filled[key] === undefined && out[key] !== undefined) filled[key] = out[key];
    out[name] = filled;
  }
  return out;
}
