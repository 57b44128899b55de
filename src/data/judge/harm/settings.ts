import { z } from "zod";

/** The recipe's `harm` section: word lists, and a classifier where the user has trained one. */
export const harmSettings = z.strictObject({
  languages: z
    .array(z.enum(["en", "zh", "es", "fr", "de"]))
    .default(["en", "zh", "es", "fr", "de"])
    .describe("built-in word lists"),
  words: z
    .array(z.string().min(1))
    .default([])
    .describe("files with more terms: a term a line, or a term, a tab and its weight (1 to 3)"),
  allow: z.array(z.string().min(1)).default([]).describe("files with terms that do not count"),
  max_density: z
    .number()
    .min(0)
    .nullable()
    .default(0.01)
    .describe("largest sum of weights per word (a Han character is half a word); null: lists off"),
  min_weight: z
    .number()
    .min(0)
    .default(5)
    .describe("documents whose weights sum to less are never dropped by the lists"),
  context: z
    .int()
    .min(0)
    .default(12)
    .describe(
      "words on each side in which a word of medicine, law, news or scholarship takes two thirds of a weight away",
    ),
  classifier: z.string().min(1).optional().describe("a model file that `nuwa data train-classifier` wrote"),
  max_probability: z.number().min(0).max(1).default(0.8).describe("with a classifier: documents above are dropped"),
});

export type HarmSettings = z.output<typeof harmSettings>;
export type HarmLanguage = HarmSettings["languages"][number];
