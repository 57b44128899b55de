import { z } from "zod";

const unit = (what: string, documents: number, words: number) =>
  z
    .strictObject({
      enabled: z.boolean().default(true).describe(`remove ${what} that other documents have`),
      min_documents: z
        .number()
        .int()
        .min(2)
        .default(documents)
        .describe(`${what} in so many documents or more are repeated ones`),
      min_words: z
        .number()
        .int()
        .min(1)
        .default(words)
        .describe("shorter ones are never removed; a character of Chinese counts as a word"),
    })
    .prefault({});

/**
 * The recipe's `lines` section: paragraphs and lines that many documents share, as CCNet (Wenzek et al. 2020) and Dolma
 * (Soldaini et al. 2024) remove them.
 *
 * @example
 * lines: { paragraphs: { min_documents: 2 }, lines: { enabled: false } }
 */
export const linesSettings = z
  .strictObject({
    paragraphs: unit("paragraphs", 2, 8),
    lines: unit("lines", 10, 4),
    keep: z
      .enum(["first", "none"])
      .default("first")
      .describe("what stays of a repeated one: it, in the first document that has it, or nothing, as for menus"),
    fold_digits: z
      .boolean()
      .default(false)
      .describe("take lines for equal that differ in digits alone: Page 3, Page 4"),
    min_chars: z.number().int().min(0).default(50).describe("drop a document that lost something if less is left"),
  })
  .prefault({});

/** A recipe's section `lines`, checked. */
export type LinesSettings = z.output<typeof linesSettings>;
/** A recipe's section `lines` as written: every key may be left out. */
export type LinesSettingsInput = z.input<typeof linesSettings>;
