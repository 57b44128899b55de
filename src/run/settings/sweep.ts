import * as z from "zod";

const id = z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u, {
  error: "expected a name of letters, digits, . _ - that can be a folder's",
});

const overrides = z
  .record(z.string(), z.json())
  .describe("Recipe keys, dotted, and their values in this variant: pretrain.optimizer.learning_rate: 0.001");

/** A recipe's `sweep` section: variants by name, a grid, or each variant at each point of the grid. */
export const sweepSettings = z.strictObject({
  variants: z
    .array(
      z.strictObject({
        id: id.optional().describe("Name of the variant and of its folder. Default: made from its values."),
        set: overrides,
      }),
    )
    .default([])
    .describe("Variants of this recipe, each with keys of its own."),
  vary: z
    .record(z.string(), z.array(z.json()).min(1))
    .default({})
    .describe("Keys with a list of values each: every combination is a variant."),
});

export type SweepSettings = z.output<typeof sweepSettings>;
