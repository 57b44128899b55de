import { z } from "zod";
import { plainSampling } from "./sampler.ts";

/** Settings of a generation, under the names of Hugging Face and of the OpenAI API. */
export const generationSettings = z.strictObject({
  temperature: z.number().min(0).max(10).default(0.8).describe("divides the logits; 0 takes the likeliest token"),
  top_k: z.int().min(0).default(0).describe("only the k likeliest tokens; 0 for all"),
  top_p: z.number().gt(0).max(1).default(1).describe("only the fewest tokens that reach this probability; 1 for all"),
  min_p: z.number().min(0).max(1).default(0).describe("only tokens at least this share as likely as the likeliest"),
  repetition_penalty: z.number().gt(0).max(10).default(1).describe("above 1 makes tokens seen before less likely"),
  max_tokens: z.int().positive().default(256).describe("most new tokens"),
  seed: z
    .int()
    .min(0)
    .max(2 ** 53 - 1)
    .default(0)
    .describe("the same seed, prompt and settings give the same text"),
  stop: z
    .array(z.string().min(1))
    .max(16)
    .default([])
    .describe("texts that end the generation; they are not part of it"),
});

/** Settings of a generation, checked. */
export type GenerationSettings = z.infer<typeof generationSettings>;

/** The likeliest token each time. */
export const greedy: GenerationSettings = {
  ...plainSampling,
  temperature: 0,
  max_tokens: 256,
  seed: 0,
  stop: [],
};
