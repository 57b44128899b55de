import { z } from "zod";

/** The recipe's settings of the extract stage. */
export const extractSettings = z.strictObject({
  min_chars: z.int().min(0).default(1).describe("drop a page whose main text is shorter, in characters"),
  title: z
    .boolean()
    .default(false)
    .describe("put the page's title before its text, if the text does not begin with it"),
  tables: z.boolean().default(true).describe("keep tables, a row a line, cells divided by |"),
  code: z.boolean().default(true).describe("keep code blocks, between ``` fences, verbatim"),
  comments: z.boolean().default(false).describe("keep readers' comments"),
  markdown: z
    .boolean()
    .default(true)
    .describe("turn Markdown documents into plain text; false: leave them as they are"),
});

/** A recipe's section `extract`, checked. */
export type ExtractSettings = z.infer<typeof extractSettings>;
