import { z } from "zod";

/**
 * The recipe's `dedup` section.
 *
 * The defaults, 20 bands of 6 rows, make a pair of Jaccard similarity 0.8 a candidate with probability
 * 1 - (1 - 0.8^6)^20 = 0.998. FineWeb's 14 bands of 8 rows give 0.92 there: they are made for use without verification,
 * where a lower curve is what keeps pairs below the threshold apart. Here every candidate is verified.
 *
 * @example
 * dedup:
 *   keep: first
 *   minhash: { bands: 14, rows: 8 }
 */
export const dedupSettings = z
  .strictObject({
    url: z
      .strictObject({
        enabled: z.boolean().default(true).describe("drop documents of one address, as meta.url or the source has it"),
        ignore_parameters: z
          .array(z.string())
          .default([])
          .describe(
            "parameters of addresses that do not change the page, beside the known ones (utm_source, gclid, …)",
          ),
      })
      .prefault({}),
    exact: z
      .boolean()
      .default(true)
      .describe("drop documents equal to another but for case, white space, Unicode form"),
    keep: z
      .enum(["longest", "first"])
      .default("longest")
      .describe("which document of a cluster stays: the longest, or the first collected"),
    minhash: z
      .strictObject({
        enabled: z.boolean().default(true).describe("drop near duplicates"),
        bands: z.number().int().min(1).max(1000).default(20).describe("bands; one equal band makes a candidate pair"),
        rows: z.number().int().min(1).max(100).default(6).describe("rows of a band"),
        shingle: z
          .enum(["auto", "words", "characters"])
          .default("auto")
          .describe("what a shingle is made of; auto: characters in Chinese, else words"),
        word_shingle: z.number().int().min(1).max(50).default(5).describe("words of a shingle"),
        character_shingle: z.number().int().min(1).max(50).default(5).describe("characters of a shingle"),
        threshold: z.number().min(0).max(1).default(0.8).describe("smallest Jaccard similarity of near duplicates"),
        sketch_size: z
          .number()
          .int()
          .min(0)
          .max(1_000_000)
          .default(512)
          .describe("shingles kept to verify a pair: exact up to so many; 0 verifies by the MinHash values"),
        seed: z.number().int().min(0).max(0xffffffff).default(1).describe("seed of the hash functions"),
      })
      .prefault({}),
  })
  .prefault({});

/** A recipe's section `dedup`, checked. */
export type DedupSettings = z.output<typeof dedupSettings>;
/** A recipe's section `dedup` as written: every key may be left out. */
export type DedupSettingsInput = z.input<typeof dedupSettings>;
/** The part `minhash` of a recipe's section `dedup`, checked. */
export type MinHashSettings = DedupSettings["minhash"];
