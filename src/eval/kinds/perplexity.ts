import * as z from "zod";
import { perplexityScore, type Score } from "../metrics.ts";
import { defineTaskKind, quotedMetric, template } from "./kind.ts";

const metrics = ["word_perplexity", "byte_perplexity", "bits_per_byte", "bits_per_character"] as const;

/** Scored by the likelihood of whole texts in rolling windows (WikiText). */
export const perplexity = defineTaskKind({
  name: "perplexity",
  summary: "likelihood of whole texts in rolling windows (word_perplexity, bits_per_byte, …)",
  shape: {
    doc_to_target: template("the text that the model reads"),
    doc_to_original: template(
      "the text on which words, bytes and characters are counted; defaults to doc_to_target",
    ).optional(),
    metric_list: z
      .array(z.enum(metrics))
      .min(1)
      .default([...metrics])
      .describe("metrics to report"),
    metric: z.enum(metrics).optional().describe("the metric that is quoted; defaults to the first"),
  },
  prepare(settings, compile) {
    const target = compile(settings.doc_to_target, "doc_to_target");
    const original = compile(settings.doc_to_original ?? settings.doc_to_target, "doc_to_original");
    const { metric_list: list } = settings;
    return {
      metric: quotedMetric(settings.metric, list),
      async run({ model, documents, onProgress, onExample }) {
        let logLikelihood = 0;
        let tokens = 0;
        for (const [i, { id, fields, where }] of documents.entries()) {
          const text = target.text(fields, where);
          const score = await model.scoreText(text);
          logLikelihood += score.logLikelihood;
          tokens += score.tokens;
          const { bits_per_byte } = perplexityScore(score.logLikelihood, score.tokens, [original.text(fields, where)]);
          onExample({ id, query: text.slice(0, 200), logLikelihood: score.logLikelihood, scores: { bits_per_byte } });
          onProgress(i + 1, documents.length);
        }
        const result = perplexityScore(
          logLikelihood,
          tokens,
          documents.map(({ fields, where }) => original.text(fields, where)),
        );
        const plain = (value: number): Score => ({ value, standardError: 0, n: documents.length });
        return { scores: Object.fromEntries(list.map((name) => [name, plain(result[name])])), perplexity: result };
      },
    };
  },
});
