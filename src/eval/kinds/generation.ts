import * as z from "zod";
import { generationSettings } from "../../generate/index.ts";
import { NuwaError } from "../../text/index.ts";
import { applyFilters, filterSchema } from "../answers/filters.ts";
import { answerMetrics, metricSchema, scoreAnswer, type MetricSettings } from "../answers/match.ts";
import { meanScore } from "../metrics.ts";
import { defineTaskKind, quotedMetric, template } from "./kind.ts";

const generationKwargs = z.strictObject({
  until: z
    .union([z.string().min(1), z.array(z.string().min(1))])
    .optional()
    .describe("texts that end the answer; defaults to the few-shot delimiter"),
  max_gen_toks: z.int().positive().default(256).describe("maximum number of tokens of an answer"),
  do_sample: z
    .boolean()
    .optional()
    .describe("draw tokens instead of taking the most probable; defaults to temperature > 0"),
  temperature: generationSettings.shape.temperature.unwrap().optional().describe("divides the logits when sampling"),
  top_p: generationSettings.shape.top_p,
  top_k: generationSettings.shape.top_k,
  min_p: generationSettings.shape.min_p,
  repetition_penalty: generationSettings.shape.repetition_penalty,
  seed: generationSettings.shape.seed,
});

const metricEntry = z.union([
  z.enum(answerMetrics).transform((metric): MetricSettings => metricSchema.parse({ metric })),
  metricSchema,
]);

const nameOf = ({ metric, name = metric }: MetricSettings): string => name;

/** Scored by what the model writes: filters cut the answer out, metrics compare it with the target. */
export const generation = defineTaskKind({
  name: "generation",
  summary: `an answer that the model writes, filtered and compared (${answerMetrics.join(", ")})`,
  shape: {
    doc_to_text: template("what the model is asked"),
    doc_to_target: z
      .union([z.string(), z.array(z.string()).min(1)])
      .describe("the right answer, or a list of accepted ones (template or templates)"),
    generation_kwargs: generationKwargs.default(generationKwargs.parse({})).describe("how the answer is written"),
    repeats: z.int().positive().default(1).describe("answers to each item, for majority_vote; they need sampling"),
    filter_list: z
      .array(z.strictObject({ name: z.string().min(1), filter: z.array(filterSchema).min(1) }))
      .min(1)
      .optional()
      .describe("ways to cut the answer out of what was written; each gives scores of its own"),
    metric_list: z
      .array(metricEntry)
      .min(1)
      .default([metricSchema.parse({ metric: "exact_match" })])
      .describe("metrics to report"),
    metric: z
      .string()
      .optional()
      .describe("the metric that is quoted: METRIC, or METRIC,FILTER where there are several filters"),
    fewshot_delimiter: z.string().default("\n\n"),
  },
  prepare(settings, compile) {
    const question = compile(settings.doc_to_text, "doc_to_text");
    const targets = [settings.doc_to_target].flat().map((text) => compile(text, "doc_to_target"));
    const filters = settings.filter_list ?? [{ name: "none", filter: [] }];
    const several = filters.length > 1;
    const key = (metric: string, filter: string) => (several ? `${metric},${filter}` : metric);
    const keys = filters.flatMap(({ name }) => settings.metric_list.map((entry) => key(nameOf(entry), name)));
    const metric = quotedMetric(settings.metric, keys);
    if (!keys.includes(metric)) {
      throw new NuwaError("VALUE", `expected one of ${keys.join(", ")} for "metric", got "${metric}"`);
    }
    const { until, max_gen_toks, do_sample, temperature = 0, ...sampling } = settings.generation_kwargs;
    const sample = do_sample ?? temperature > 0;
    const writing = generationSettings.parse({
      ...sampling,
      temperature: sample ? (temperature === 0 ? 1 : temperature) : 0,
      max_tokens: max_gen_toks,
      stop: until === undefined ? [settings.fewshot_delimiter] : [until].flat(),
    });
    const targetsOf = (fields: Readonly<Record<string, unknown>>, where: string): string[] => {
      const values = targets
        .map((target) => target.value(fields, where))
        .flat()
        .map(String);
      if (values.length > 0) return values;
      throw new NuwaError("DATA", "doc_to_target: expected at least one accepted answer, got an empty list", { where });
    };
    return {
      metric,
      turn: ({ fields, where }) => ({
        question: question.text(fields, where),
        answer: targetsOf(fields, where)[0] ?? "",
      }),
      async run({ model, documents, prompts, onProgress, onExample }) {
        const requests = documents.flatMap((document) => {
          const context = prompts.context(document, question.text(document.fields, document.where));
          return Array.from({ length: settings.repeats }, (_, repeat) => ({
            context,
            settings: { ...writing, seed: writing.seed + repeat },
            isChat: prompts.applyChatTemplate,
          }));
        });
        const written = await model.generate(requests, (done) => onProgress(done, requests.length));
        const scored = documents.map((document, i) => {
          const { id, fields, where } = document;
          const target = targetsOf(fields, where);
          const replies = written.slice(i * settings.repeats, (i + 1) * settings.repeats);
          const filtered = filters.map(({ name, filter }) => ({
            name,
            answer: applyFilters(filter, replies)[0] ?? "",
          }));
          const scores = Object.fromEntries(
            filtered.flatMap(({ name, answer }) =>
              settings.metric_list.map(
                (entry) => [key(nameOf(entry), name), scoreAnswer(entry, answer, target)] as const,
              ),
            ),
          );
          onExample({
            id,
            query: question.text(fields, where),
            target: target.length === 1 ? target[0] : target,
            reply: replies.length === 1 ? replies[0] : replies,
            filtered: Object.fromEntries(filtered.map(({ name, answer }) => [name, answer])),
            scores,
          });
          return scores;
        });
        return {
          scores: Object.fromEntries(keys.map((name) => [name, meanScore(scored.map((scores) => scores[name] ?? 0))])),
        };
      },
    };
  },
});
