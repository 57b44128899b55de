import type { Question } from "../data/pack/dialogues/index.ts";
import { greedy, reply, type LoadedGenerator } from "../generate/index.ts";
import { meanScore, type Score } from "./metrics.ts";

/** One question, what the model said, and whether it was right. */
export interface AnsweredQuestion extends Question {
  readonly reply: string;
  readonly right: boolean;
}

/** How many questions were answered right, in all and by set. */
export interface QuestionScores {
  /** Share of right answers over all questions. */
  readonly overall: Score;
  /** The same for each fact set. */
  readonly bySet: { readonly [set: string]: Score };
  readonly answered: readonly AnsweredQuestion[];
}

/** Letter case, width and white space folded; no white space at all beside Chinese characters. */
function fold(text: string): string {
  return text
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/\s+/gu, " ")
    .replaceAll(/ ?(?<=\p{Script=Han}) ?| (?=\p{Script=Han})/gu, "");
}

/**
 * Whether a reply holds the answer, as whole words where the answer begins or ends with a Latin letter or a digit:
 * "Niger" does not stand in "Nigeria".
 */
export function holdsAnswer(reply: string, answer: string): boolean {
  const wanted = fold(answer).trim();
  if (wanted === "") return false;
  const escaped = wanted.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, String.raw`\$&`);
  const edge = String.raw`[\p{Script=Latin}\p{N}]`;
  const before = new RegExp(`^${edge}`, "u").test(wanted) ? `(?<!${edge})` : "";
  const after = new RegExp(`${edge}$`, "u").test(wanted) ? `(?!${edge})` : "";
  return new RegExp(before + escaped + after, "u").test(fold(reply));
}

/** Limits of {@link askQuestions}, and what it reports. */
export interface AskOptions {
  /** Most tokens of a reply. Default 48. */
  readonly maxTokens?: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Asks each question alone, answers greedily, and scores the replies. */
export async function askQuestions(
  model: LoadedGenerator,
  questions: readonly Question[],
  options: AskOptions = {},
): Promise<QuestionScores> {
  const settings = { ...greedy, max_tokens: options.maxTokens ?? 48 };
  const answered: AnsweredQuestion[] = [];
  for (const question of questions) {
    options.signal?.throwIfAborted();
    let said = "";
    for await (const { text } of reply(model, question.messages, settings)) said += text;
    answered.push({ ...question, reply: said, right: holdsAnswer(said, question.answer) });
    options.onProgress?.(answered.length, questions.length);
  }
  const score = (of: readonly AnsweredQuestion[]) => meanScore(of.map(({ right }) => (right ? 1 : 0)));
  const sets = [...new Set(answered.map(({ set }) => set))];
  return {
    overall: score(answered),
    bySet: Object.fromEntries(sets.map((set) => [set, score(answered.filter((question) => question.set === set))])),
    answered,
  };
}
