import * as z from "zod";
import { meanScore } from "../metrics.ts";
import { defineTaskKind, quotedMetric, template } from "./kind.ts";

const metrics = ["acc", "perplexity"] as const;

/** Scored by whether the continuation is what the model would say itself, token by token (LAMBADA, Jeopardy). */
export const loglikelihood = defineTaskKind({
  name: "loglikelihood",
  summary: "whether the continuation is the most probable one, and its perplexity (acc, perplexity)",
  shape: {
    doc_to_text: template("the context"),
    doc_to_target: template("the continuation, with the space that begins it"),
    metric_list: z.array(z.enum(metrics)).min(1).default(["acc", "perplexity"]).describe("metrics to report"),
    metric: z.enum(metrics).optional().describe("the metric that is quoted; defaults to the first"),
  },
  prepare(settings, compile) {
    const context = compile(settings.doc_to_text, "doc_to_text");
    const target = compile(settings.doc_to_target, "doc_to_target");
    const { metric_list: list } = settings;
    return {
      metric: quotedMetric(settings.metric, list),
      turn: ({ fields, where }) => ({ question: context.text(fields, where), answer: target.text(fields, where) }),
      async run({ model, documents, prompts, onProgress, onExample }) {
        const items = documents.map((document) => ({
          id: document.id,
          query: context.text(document.fields, document.where),
          continuation: target.text(document.fields, document.where),
          document,
        }));
        const requests = items.map(({ document, query, continuation }) => ({
          context: prompts.context(document, query),
          continuation,
          isChat: prompts.applyChatTemplate,
        }));
        const results = await model.scoreContinuations(requests, (done) => onProgress(done, requests.length));
        for (const [i, { id, query, continuation }] of items.entries()) {
          const result = results[i];
          onExample({
            id,
            query,
            choices: [continuation],
            gold: 0,
            logLikelihoods: [result?.logLikelihood ?? Number.NaN],
            scores: { acc: result?.isGreedy === true ? 1 : 0 },
          });
        }
        const nats = meanScore(results.map((result) => -result.logLikelihood));
        const perplexity = Math.exp(nats.value);
        const all = {
          acc: meanScore(results.map((result) => (result.isGreedy ? 1 : 0))),
          // delta method: the error of e^x is e^x times the error of x
          perplexity: { value: perplexity, standardError: perplexity * nats.standardError, n: nats.n },
        };
        return { scores: Object.fromEntries(list.map((name) => [name, all[name]])) };
      },
    };
  },
});
