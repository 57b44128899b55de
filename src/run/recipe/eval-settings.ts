import * as z from "zod";

/** Settings of the recipe's `eval` section. */
export const evalStageSettings = z.strictObject({
  tasks: z
    .array(z.string())
    .default([])
    .describe(
      "Benchmarks by name, such as arc_challenge, hellaswag, mmlu, truthfulqa_mc2, wikitext; they need `data`.",
    ),
  data: z.string().optional().describe("Folder with the benchmarks' files."),
  limit: z.int().positive().optional().describe("Only so many items of each benchmark: an estimate, sooner."),
  questions: z
    .int()
    .min(0)
    .default(200)
    .describe("How many held-out questions of the dialogue stage are asked; 0 for none."),
  answer_tokens: z.int().positive().default(48).describe("Most tokens of an answer."),
});

export type EvalStageSettings = z.output<typeof evalStageSettings>;
