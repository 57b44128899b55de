import { z } from "zod";

/** The recipe's `spelling` section. Off unless the section is there. English only. */
export const spellingSettings = z.strictObject({
  frequencies: z
    .array(z.string().min(1))
    .default([])
    .describe("files to count words in: plain text, or .tsv with a word and its count a line; none: the documents"),
  dictionary: z.array(z.string().min(1)).default([]).describe("files with more words that are right, one a line"),
  min_letters: z.int().min(3).default(4).describe("shorter words are left alone"),
  long_word: z.int().min(4).default(7).describe("words of so many letters may be two edits away, shorter ones one"),
  min_frequency: z.int().min(0).default(10).describe("a correction must have been counted so often"),
  min_ratio: z
    .number()
    .min(1)
    .default(200)
    .describe("a word that was counted more than once stays, unless its correction was counted so many times as often"),
  margin: z
    .number()
    .min(1)
    .default(40)
    .describe("how many times likelier the correction must be than the next, or the word stays"),
  quotations: z.boolean().default(false).describe("correct inside quotation marks too"),
});

export type SpellingSettings = z.output<typeof spellingSettings>;
