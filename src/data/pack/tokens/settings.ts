import { z } from "zod";

const mixtureEntry = z.union([
  z.strictObject({ weight: z.number().positive().describe("share of the tokens, in proportion to other weights") }),
  z.strictObject({ epochs: z.number().min(0).max(1000).describe("how many times each document is read") }),
]);

/** The `pack` part of a recipe. */
export const packSettings = z.strictObject({
  val_share: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.05)
    .describe("Share held out from training to measure on: of documents, or of tokens when split is contiguous"),
  split: z
    .enum(["documents", "contiguous"])
    .default("documents")
    .describe(
      "documents: whole documents are held out, chosen by a hash of their id, and all are shuffled; " +
        "contiguous: documents in their order, the last share held out",
    ),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(1).describe("Decides the order of documents"),
  separator: z
    .enum(["eos", "none"])
    .default("eos")
    .describe("What follows each document: the end-of-text token, where the tokenizer has one, or nothing"),
  mixture: z
    .record(z.string().min(1), mixtureEntry)
    .default({})
    .describe(
      "how much of each named source is trained on: `epochs` (2.5: all twice, and half of it once more) or `weight` (its share of the tokens, in proportion to the other weights); sources not named here: once",
    ),
  mixture_tokens: z
    .int()
    .positive()
    .optional()
    .describe("tokens that the sources with a weight give together; default: as many as they have"),
});

/** A recipe's section `pack`, checked. */
export type PackSettings = z.infer<typeof packSettings>;
