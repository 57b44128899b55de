import * as z from "zod";

/** Settings of the recipe's `eval` section. */
export const evalStageSettings = z.strictObject({
  tasks: z
    .array(z.string())
    .default([])
    .describe(
      "Benchmarks by name, such as arc_challenge, hellaswag, mmlu, truthfulqa_mc2, wikitext, which need `data`; or YAML files of your own. `nuwa eval --list` shows all.",
    ),
  data: z.string().optional().describe("Folder with the benchmarks' files."),
  limit: z.int().positive().optional().describe("Only so many items of each benchmark: an estimate, sooner."),
  few_shot: z.int().min(0).optional().describe("Examples before each item. Default: each task's own number."),
  add_bos_token: z.boolean().optional().describe("Begin every text with the tokenizer's start token."),
  apply_chat_template: z.boolean().optional().describe("Ask through the model's chat template."),
  fewshot_as_multiturn: z
    .boolean()
    .optional()
    .describe("Examples as turns of a dialogue. Default: yes with a chat template."),
  system_instruction: z.string().optional().describe("System message before everything."),
  questions: z
    .int()
    .min(0)
    .default(200)
    .describe("How many held-out questions of the dialogue stage are asked; 0 for none."),
  answer_tokens: z.int().positive().default(48).describe("Maximum number of tokens of an answer."),
});

export type EvalStageSettings = z.output<typeof evalStageSettings>;
