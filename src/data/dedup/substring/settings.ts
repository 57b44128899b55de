import { z } from "zod";

/**
 * The recipe's `substring` section: passages that stand in the corpus more than once.
 *
 * @example
 * substring: { min_tokens: 50 }
 */
export const substringSettings = z
  .strictObject({
    min_tokens: z
      .number()
      .int()
      .min(2)
      .max(10_000)
      .default(50)
      .describe("a passage of so many tokens that came before is removed; Lee et al. (2022) take 50"),
    unit: z
      .enum(["words", "characters"])
      .default("words")
      .describe(
        "what a token is; words: a run of letters and digits, a character of Chinese, Japanese kana or Thai, a sign; characters: each one, spaces not counted",
      ),
    min_chars: z
      .number()
      .int()
      .min(0)
      .default(50)
      .describe("drop a document of which less is left; up to min_tokens no document with a first copy is dropped"),
  })
  .prefault({});

/** A recipe's section `substring`, checked. */
export type SubstringSettings = z.output<typeof substringSettings>;
/** A recipe's section `substring` as written: every key may be left out. */
export type SubstringSettingsInput = z.input<typeof substringSettings>;
