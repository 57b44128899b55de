import * as z from "zod";
import { NuwaError } from "../../text/index.ts";
import { meanScore, scoreItem } from "../metrics.ts";
import type { Document } from "../prompt/document.ts";
import { defineTaskKind, quotedMetric, template } from "./kind.ts";

const metrics = ["acc", "acc_norm", "mc2"] as const;

const shape = {
  doc_to_text: template("what the model is asked; with multiple_inputs the position of the right choice"),
  doc_to_choice: z
    .union([z.string(), z.array(z.string()).min(2)])
    .describe("the choices: a list of texts or templates, or one template whose value is a list"),
  doc_to_target: z
    .union([z.string(), z.int().nonnegative()])
    .describe("the right choice: its position, its text, or a list of positions where several are right"),
  multiple_inputs: z
    .boolean()
    .default(false)
    .describe(
      "the choices are contexts, and doc_to_target is the continuation scored after each (partial scoring, Winogrande)",
    ),
  metric_list: z.array(z.enum(metrics)).min(1).default(["acc", "acc_norm"]).describe("metrics to report"),
  metric: z.enum(metrics).optional().describe("the metric that is quoted; defaults to the first"),
};

interface Item {
  readonly document: Document;
  readonly question: string;
  readonly choices: readonly string[];
  readonly gold: readonly number[];
  /** With multiple inputs: what follows each choice. */
  readonly continuation: string | undefined;
}

/** Scored by the log-likelihood of each choice after the question, or of one continuation after each choice. */
export const multipleChoice = defineTaskKind({
  name: "multiple_choice",
  summary: "the choice with the highest log-likelihood (acc, acc_norm, mc2)",
  shape,
  prepare(settings, compile) {
    const { multiple_inputs: multipleInputs, metric_list: list } = settings;
    const metric = quotedMetric(settings.metric, list);
    const question = compile(settings.doc_to_text, "doc_to_text");
    const target = compile(String(settings.doc_to_target), "doc_to_target");
    const choiceList = settings.doc_to_choice;
    const choices =
      typeof choiceList === "string"
        ? compile(choiceList, "doc_to_choice")
        : // A field by its name is not meant here: with columns A to D, the choice "A" is the letter.
          choiceList.map((choice) => (/\{[{%]/.test(choice) ? compile(choice, "doc_to_choice") : choice));

    const choicesOf = ({ fields, where }: Document): string[] => {
      const value = Array.isArray(choices)
        ? choices.map((choice) => (typeof choice === "string" ? choice : choice.text(fields, where)))
        : choices.value(fields, where);
      if (Array.isArray(value) && value.length > 0) return value.map(String);
      throw new NuwaError("DATA", `doc_to_choice: expected a list of choices, got ${JSON.stringify(value)}`, { where });
    };

    const itemOf = (document: Document): Item => {
      const { fields, where } = document;
      const texts = choicesOf(document);
      if (multipleInputs) {
        return {
          document,
          question: "",
          choices: texts,
          gold: positions(question.value(fields, where), texts, where),
          continuation: target.text(fields, where),
        };
      }
      return {
        document,
        question: question.text(fields, where),
        choices: texts,
        gold: positions(target.value(fields, where), texts, where),
        continuation: undefined,
      };
    };

    return {
      metric,
      turn(document) {
        const item = itemOf(document);
        const right = item.choices[item.gold[0] ?? 0] ?? "";
        return item.continuation === undefined
          ? { question: item.question, answer: right }
          : { question: right, answer: item.continuation };
      },
      async run({ model, documents, prompts, onProgress, onExample }) {
        const isChat = prompts.applyChatTemplate;
        const items = documents.map(itemOf);
        const requests = items.flatMap(({ document, question: query, choices: texts, continuation }) => {
          const delimiter = prompts.targetDelimiter;
          if (continuation !== undefined) {
            const contexts = prompts.contexts(document, texts);
            return contexts.map((context) => ({ context, continuation: delimiter + continuation, isChat }));
          }
          const context = prompts.context(document, query);
          return texts.map((choice) => ({ context, continuation: delimiter + choice, isChat }));
        });
        const results = await model.scoreContinuations(requests, (done) => onProgress(done, requests.length));
        let next = 0;
        const scored = items.map((item) => {
          const logLikelihoods = item.choices.map(() => results[next++]?.logLikelihood ?? Number.NaN);
          const { mc2, ...rest } = scoreItem(item, logLikelihoods);
          onExample({
            id: item.document.id,
            query: item.question,
            choices: item.choices,
            gold: item.gold.length === 1 ? item.gold[0] : item.gold,
            logLikelihoods,
            scores: list.includes("mc2") ? { ...rest, mc2 } : rest,
          });
          return { ...rest, mc2 };
        });
        return {
          scores: Object.fromEntries(list.map((name) => [name, meanScore(scored.map((score) => score[name]))])),
        };
      },
    };
  },
});

/** Positions of right choices, from a position, several, or a choice's text. */
function positions(value: unknown, choices: readonly string[], where: string): number[] {
  const all = (Array.isArray(value) ? value : [value]).map((one: unknown) => {
    if (typeof one === "number") return one;
    const text = String(one);
    return /^\d+$/u.test(text) ? Number(text) : choices.indexOf(text);
  });
  if (all.length > 0 && all.every((one) => Number.isInteger(one) && one >= 0 && one < choices.length)) return all;
  const expected = `a position from 0 to ${choices.length - 1} or the text of one of the ${choices.length} choices`;
  throw new NuwaError("DATA", `the right choice: expected ${expected}, got ${JSON.stringify(value)}`, { where });
}
