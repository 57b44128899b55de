import { z } from "zod";

/** The recipe's `decontaminate` section: text that stands in a benchmark must not be learned. */
export const decontaminateSettings = z.strictObject({
  benchmarks: z
    .array(z.string().min(1))
    .min(1)
    .describe("benchmark files: json, jsonl, csv, tsv, txt or md; every text in them counts"),
  words: z
    .int()
    .min(3)
    .default(13)
    .describe("words in a row that make a hit (GPT-3: 13); punctuation and case are ignored"),
  han: z.int().min(5).default(13).describe("Han characters in a row that make a hit"),
  action: z
    .enum(["document", "part"])
    .default("document")
    .describe("drop the document, or cut the hit out with the characters around it"),
  around: z.int().min(0).default(200).describe("characters cut away on each side of a hit (GPT-3: 200)"),
  max_parts: z.int().min(1).default(10).describe("a document cut into more pieces is dropped (GPT-3: 10)"),
  min_characters: z.int().min(0).default(200).describe("pieces shorter than this are dropped too (GPT-3: 200)"),
});

export type DecontaminateSettings = z.output<typeof decontaminateSettings>;
