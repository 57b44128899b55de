import { z } from "zod";

const phrasings = z.array(z.string().min(1)).min(1);

/** One family of facts: where the records are, and how a question and its answer are put. */
export const factSetSettings = z.strictObject({
  name: z.string().min(1).describe("what these facts are called in reports"),
  files: z.union([z.string(), z.array(z.string()).min(1)]).describe("files or globs with the records"),
  format: z
    .enum(["auto", "json", "jsonl", "wordnet"])
    .default("auto")
    .describe("format of the records; auto goes by the file's name"),
  where: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .default({})
    .describe("keep only records whose field (a dotted path) has this value"),
  values: z
    .record(z.string(), z.record(z.string(), z.string()))
    .default({})
    .describe(
      "replace a field's values by others, for example region names by Chinese ones; records with other values are left out",
    ),
  key: z
    .string()
    .describe("template of what identifies a fact; a key with two different answers is ambiguous and left out"),
  answer: z.string().describe("template of the words that a right reply must contain"),
  max_answer_characters: z.int().positive().default(60).describe("leave out facts with longer answers"),
  max_key_characters: z.int().positive().default(40).describe("leave out facts with longer keys"),
  reply: z
    .union([z.string(), phrasings])
    .default("{answer}")
    .describe("template, or several, of the assistant's reply; {answer} and {key} are known too"),
  train: phrasings.describe("templates of the user's question for training"),
  held_out: phrasings.describe("templates of the user's question for the held-out test; none may stand in train"),
  limit: z.int().positive().optional().describe("at most so many facts, drawn by seed"),
});

/** Recipe section `dialogues`: what supervised fine-tuning learns from. */
export const dialogueSettings = z.strictObject({
  files: z
    .array(z.string())
    .default([])
    .describe(
      "dialogue files (jsonl, json; plain or gz): messages, conversations (ShareGPT), instruction/input/output (Alpaca), or pairs such as prompt and completion",
    ),
  last_turn_only: z
    .boolean()
    .optional()
    .describe("learn only the last answer of each dialogue in files; earlier ones are context"),
  facts: z.array(factSetSettings).default([]).describe("questions and answers made from records"),
  fixed: z
    .array(z.strictObject({ user: phrasings, assistant: z.string().min(1) }))
    .default([])
    .describe("small talk: several ways to say something, one reply"),
  system: z.string().optional().describe("system message put before each dialogue"),
  turns: z.int().min(1).max(16).default(3).describe("up to so many facts follow one another in a training dialogue"),
  repeats: z
    .int()
    .min(1)
    .default(1)
    .describe("how often each training phrasing of each fact is used, in other company"),
  held_out_share: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.05)
    .describe("share of the dialogues in files kept for the held-out loss"),
  seed: z.int().nonnegative().default(0).describe("order and company of the facts"),
});

/** One entry of `facts` in a recipe's section `dialogues`, checked. */
export type FactSetSettings = z.infer<typeof factSetSettings>;
/** A recipe's section `dialogues`, checked. */
export type DialogueSettings = z.infer<typeof dialogueSettings>;
