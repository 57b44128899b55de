import { z } from "zod";

/** The recipe's `perplexity` section: how surprising a document is to an n-gram model of good text (CCNet). */
export const perplexitySettings = z
  .strictObject({
    model: z.string().min(1).optional().describe("a model file that `nuwa data train-ngram` wrote"),
    reference: z.array(z.string().min(1)).min(1).optional().describe("or text files to train it on first"),
    order: z.int().min(1).max(8).default(5).describe("with reference: length of the longest n-gram"),
    unit: z.enum(["characters", "words"]).default("characters").describe("with reference: what an n-gram is made of"),
    max_perplexity: z
      .number()
      .positive()
      .nullable()
      .default(null)
      .describe("documents above are dropped: no such text"),
    min_perplexity: z.number().positive().nullable().default(null).describe("documents below are dropped: boilerplate"),
    annotate: z.boolean().default(true).describe("put the figure in the documents' meta.perplexity"),
  })
  .refine((settings) => (settings.model === undefined) !== (settings.reference === undefined), {
    error: "expected either model or reference",
  });

export type PerplexitySettings = z.output<typeof perplexitySettings>;
