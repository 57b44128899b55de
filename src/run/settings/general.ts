import * as z from "zod";
import { deviceChoices } from "../../tensor/index.ts";
import { sweepSettings } from "./sweep.ts";

/** The keys of a recipe that are no stage. */
export const generalKeys = {
  name: z
    .string()
    .regex(/^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u, {
      error: "expected a name of letters, digits, . _ - that can be a folder's",
    })
    .describe("What the run is called: it lives in runs/NAME. Default: the recipe's file name."),
  plugins: z
    .array(z.string().min(1))
    .optional()
    .describe(
      "JavaScript modules that add data stages, families of models, optimizers and more; relative to the folder nuwa is run in.",
    ),
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
    .enum(deviceChoices())
    .default("auto")
    .describe("cpu: native kernels; reference: plain TypeScript, slow; auto: cpu where it is built."),
  sweep: sweepSettings
    .optional()
    .describe("Variants of this recipe: `nuwa sweep` trains each in runs/NAME/variants/ID, on the same data."),
  shard_mb: z
    .number()
    .positive()
    .max(1000)
    .default(4)
    .describe("Size of a data shard in MB of text: what one worker takes at a time, and what an interruption loses."),
  keep_data: z
    .enum(["all", "last", "none"])
    .default("all")
    .describe(
      "Data stages whose documents are kept: all; the last one; or none. Others are deleted once every stage that reads " +
        "them is done, and made again if needed; what was removed, and why, is always kept.",
    ),
};

const generalSchema = z.object(generalKeys);

/** A recipe's general keys, checked. */
export type GeneralSettings = z.output<typeof generalSchema>;

/**
 * A recipe: general settings, and a section for each stage that it asks for. A section's type is its stage's to tell:
 * {@link sectionOf}.
 */
export type Recipe = GeneralSettings & { readonly [section: string]: unknown };

/**
 * One stage's section of a recipe, with its type; undefined where the recipe leaves the stage out.
 * @example sectionOf(recipe, filterStage)?.english.min_words
 */
export function sectionOf<Settings>(
  recipe: Recipe,
  stage: { readonly name: string; readonly schema: z.ZodType<Settings> },
): Settings | undefined {
  const section = recipe[stage.name];
  return section === undefined ? undefined : stage.schema.parse(section);
}
