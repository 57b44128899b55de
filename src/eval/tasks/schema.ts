import * as z from "zod";
import { samplers } from "../prompt/few-shot.ts";
import { helperNames } from "./helpers.ts";

const oneOrMore = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

/** Keys of every task, whatever its kind; names as in the Language Model Evaluation Harness. */
export const commonShape = {
  task: z
    .string()
    .regex(/^[\w.-]+(\{subject\})?[\w.-]*$/, "expected letters, digits, _, - and .")
    .describe("name; with {subject} in it there is one task for each subject"),
  kind: z.string().describe("what is measured: the name of a kind of task"),
  group: oneOrMore.optional().describe("the group, or groups, that the task is part of"),
  files: z
    .record(z.string(), oneOrMore)
    .describe("for each split its file, or several places to look for it; relative to this file or to --data"),
  columns: z.array(z.string().min(1)).min(1).optional().describe("names of a CSV's columns, where it has no header"),
  texts: z.record(z.string(), oneOrMore).default({}).describe("text files that templates can use by these names"),
  subjects: z
    .record(z.string(), z.string())
    .optional()
    .describe("subjects by name, with what {{label}} and {label} stand for"),
  test_split: z.string().default("test").describe("the split that is measured"),
  fewshot_split: z.string().optional().describe("the split that examples come from"),
  num_fewshot: z.int().min(0).default(0).describe("examples before each item"),
  fewshot_config: z
    .strictObject({
      sampler: z
        .enum(samplers)
        .default("random")
        .describe("random: as the harness draws them; first_n: the first ones"),
      exclude_item: z.boolean().default(false).describe("draw one more, and leave out the item itself"),
      required: z.boolean().default(true).describe("false: without the split's file there are no examples"),
    })
    .prefault({})
    .describe("how examples are chosen"),
  process_docs: z.enum(helperNames).optional().describe("a named function that prepares the records"),
  description: z.string().default("").describe("appears once before the examples (Jinja over the record's fields)"),
  target_delimiter: z.string().default(" ").describe("between a question and its answer"),
  fewshot_delimiter: z.string().default("\n\n").describe("between examples"),
};

export const commonSchema = z.object(commonShape);
export type CommonSettings = z.output<typeof commonSchema>;

/** A group: tasks measured together, with one score for all. */
export const groupSchema = z.strictObject({
  group: z
    .string()
    .regex(/^[\w.-]+$/, "expected letters, digits, _, - and .")
    .describe("name of the group"),
  tasks: z
    .array(z.string().min(1))
    .default([])
    .describe("tasks and groups in it, beside those that name it themselves"),
  aggregation: z
    .enum(["mean", "weighted", "none"])
    .default("mean")
    .describe("the group's score: plain mean over its tasks, mean weighted by their items, or no score of its own"),
  metric: z.string().optional().describe("metric of the group's score; defaults to that of its first task"),
});

export type GroupSettings = z.output<typeof groupSchema>;

/** What a key of the harness is called here, for hints. */
export const harnessKeys: Readonly<Record<string, string>> = {
  output_type: '"kind": multiple_choice, loglikelihood, perplexity or generation',
  dataset_path: '"files"',
  dataset_name: '"files"',
  dataset_kwargs: '"files"',
  training_split: '"files", and "fewshot_split" for the split of the examples',
  validation_split: '"test_split" for the split that is measured',
  should_decontaminate: "nothing: decontamination is a data stage",
  doc_to_decontamination_query: "nothing: decontamination is a data stage",
  process_results: '"metric_list"',
};
