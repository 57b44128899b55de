import { z } from "zod";

const part = z.object({ type: z.literal("text"), text: z.string() });
const content = z.union([z.string(), z.array(part).transform((parts) => parts.map(({ text }) => text).join(""))], {
  error: "expected text, or a list of {type: 'text', text}",
});

const message = z.object({ role: z.enum(["system", "developer", "user", "assistant"]), content });

const none = <T extends z.ZodType>(schema: T, why: string) =>
  schema.nullish().refine((value) => value === undefined || value === null, why);

/** What both endpoints take. Names, types and ranges are OpenAI's; top_k, min_p and repetition_penalty are vLLM's. */
const common = {
  model: z.string(),
  max_tokens: z.int().positive().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(-1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().gt(0).max(10).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  n: z.int().min(1).max(8).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  user: z.string().nullish(),
  presence_penalty: z.literal(0, { error: "not supported; use repetition_penalty" }).nullish(),
  frequency_penalty: z.literal(0, { error: "not supported; use repetition_penalty" }).nullish(),
  logit_bias: none(z.unknown(), "not supported"),
};

/** `POST /v1/chat/completions` */
export const chatRequest = z.object({
  ...common,
  messages: z.array(message).min(1),
  max_completion_tokens: z.int().positive().nullish(),
  logprobs: z.literal(false, { error: "not supported" }).nullish(),
  tools: none(z.unknown(), "not supported"),
  response_format: z.object({ type: z.literal("text", { error: 'only "text" is supported' }) }).nullish(),
});

/** `POST /v1/completions` */
export const completionRequest = z.object({
  ...common,
  prompt: z.union([z.string(), z.array(z.string()).min(1).max(8), z.array(z.int().nonnegative()).min(1)], {
    error: "expected a string, a list of strings, or a list of token ids",
  }),
  echo: z.literal(false, { error: "not supported" }).nullish(),
  suffix: none(z.string(), "not supported"),
  logprobs: none(z.unknown(), "not supported"),
  best_of: z.literal(1, { error: "only 1 is supported" }).nullish(),
});

export type ChatRequest = z.output<typeof chatRequest>;
export type CompletionRequest = z.output<typeof completionRequest>;
