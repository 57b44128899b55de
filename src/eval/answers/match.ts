import * as z from "zod";
import { mathEqual } from "./math.ts";
import { pythonRegex } from "./filters.ts";

/** Ways to compare a written answer with the accepted ones. */
export const answerMetrics = ["exact_match", "f1", "squad_exact_match", "numeric_match", "math_equal"] as const;

/** A metric of the `generation` kind. The options that begin with `ignore` and `regexes` are those of `exact_match`. */
export const metricSchema = z.strictObject({
  metric: z.enum(answerMetrics).describe("how the answer is compared"),
  name: z.string().min(1).optional().describe("what the score is called; defaults to the metric"),
  ignore_case: z.boolean().default(false).describe("exact_match: upper and lower case are equal"),
  ignore_punctuation: z.boolean().default(false).describe("exact_match: ASCII punctuation is left out"),
  ignore_numbers: z.boolean().default(false).describe("exact_match: digits are left out"),
  regexes_to_ignore: z
    .array(z.string())
    .default([])
    .describe("exact_match: what they match is left out, one after another"),
  tolerance: z.number().min(0).default(1e-6).describe("numeric_match: largest relative difference"),
});

export type MetricSettings = z.output<typeof metricSchema>;

/** The best score of an answer over the accepted ones, from 0 to 1. */
export function scoreAnswer(settings: MetricSettings, answer: string, accepted: readonly string[]): number {
  const score = (target: string): number => {
    switch (settings.metric) {
      case "exact_match":
        return foldExact(answer, settings) === foldExact(target, settings) ? 1 : 0;
      case "f1":
        return tokenF1(answer, target);
      case "squad_exact_match":
        return foldSquad(answer) === foldSquad(target) ? 1 : 0;
      case "numeric_match":
        return numbersEqual(answer, target, settings.tolerance) ? 1 : 0;
      case "math_equal":
        return mathEqual(answer, target) ? 1 : 0;
    }
  };
  return Math.max(...accepted.map(score));
}

/** Python's `string.punctuation`. */
const punctuation = /[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/g;

function foldExact(text: string, settings: MetricSettings): string {
  let folded = text;
  for (const pattern of settings.regexes_to_ignore) folded = folded.replaceAll(pythonRegex(pattern), "");
  if (settings.ignore_case) folded = folded.toLowerCase();
  if (settings.ignore_punctuation) folded = folded.replaceAll(punctuation, "");
  if (settings.ignore_numbers) folded = folded.replaceAll(/[0-9]/g, "");
  return folded;
}

/** SQuAD's normalisation (Rajpurkar et al. 2016): lower case, no punctuation, no articles, single spaces. */
function foldSquad(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(punctuation, "")
    .replaceAll(/\b(a|an|the)\b/g, " ")
    .split(/\s+/u)
    .filter((word) => word !== "")
    .join(" ");
}

/** Harmonic mean of precision and recall over words, as SQuAD and TriviaQA count them. */
function tokenF1(answer: string, target: string): number {
  const words = (text: string) =>
    foldSquad(text)
      .split(" ")
      .filter((word) => word !== "");
  const [said, wanted] = [words(answer), words(target)];
  if (said.length === 0 || wanted.length === 0) return said.length === wanted.length ? 1 : 0;
  const left = new Map<string, number>();
  for (const word of wanted) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of said) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    common++;
  }
  if (common === 0) return 0;
  const [precision, recall] = [common / said.length, common / wanted.length];
  return (2 * precision * recall) / (precision + recall);
}

/** The first number in a text, without currency signs and thousands separators; NaN where there is none. */
export function numberIn(text: string): number {
  const found = /-?(?:\d[\d,]*)?\.?\d+(?:[eE][-+]?\d+)?/.exec(text.replaceAll(/[$€£¥]/g, ""));
  return found === null ? Number.NaN : Number(found[0].replaceAll(",", ""));
}

function numbersEqual(answer: string, target: string, tolerance: number): boolean {
  const [said, wanted] = [numberIn(answer), numberIn(target)];
  return Math.abs(said - wanted) <= tolerance * Math.max(Math.abs(said), Math.abs(wanted));
}
