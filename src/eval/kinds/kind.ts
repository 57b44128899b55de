import * as z from "zod";
import type { LanguageModel } from "../language-model.ts";
import type { PerplexityScore, Score } from "../metrics.ts";
import type { Document, Turn } from "../prompt/document.ts";
import type { PromptBuilder } from "../prompt/prompt.ts";
import type { PromptTemplate } from "../prompt/template.ts";

/** One item's outcome, as its line in the per-example file. */
export interface Example {
  readonly id: string;
  /** What the item asks, without examples and description. */
  readonly query: string;
  readonly scores: Readonly<Record<string, number>>;
  /** What a kind adds: choices and their log-likelihoods, the answer that was written. */
  readonly [key: string]: unknown;
}

/** What a kind is given to measure a model with. */
export interface RunContext {
  readonly model: LanguageModel;
  /** The items, already limited. */
  readonly documents: readonly Document[];
  readonly prompts: PromptBuilder;
  readonly onProgress: (done: number, total: number) => void;
  readonly onExample: (example: Example) => void;
}

/** What a kind of task gives for a whole task. */
export interface KindResult {
  /** By metric; the task's own metric is among them. */
  readonly scores: Readonly<Record<string, Score>>;
  readonly perplexity?: PerplexityScore;
}

/** One task's settings, checked and compiled. */
export interface PreparedTask {
  /** The metric that is quoted. */
  readonly metric: string;
  /** An item as an example before another. A kind without one takes no examples. */
  readonly turn?: (document: Document) => Turn;
  readonly run: (context: RunContext) => Promise<KindResult>;
}

/** Compiles a template of a task's; mistakes name the line of the key. */
export type CompileTemplate = (source: string, key: string) => PromptTemplate;

/** A way of measuring: what it asks of the model, and which metrics come of the answers. */
export interface TaskKind {
  readonly name: string;
  /** One line for `nuwa eval --list`. */
  readonly summary: string;
  /** Its own keys in a task's YAML, beside those of every task. */
  readonly shape: z.ZodRawShape;
  /** @throws NuwaError VALUE for settings that contradict each other */
  readonly prepare: (settings: Readonly<Record<string, unknown>>, compile: CompileTemplate) => PreparedTask;
}

/**
 * Defines a kind of task. Its schema gives the types of the settings that `prepare` gets.
 *
 * @example
 * export default { taskKinds: [defineTaskKind({ name: "length", summary: "…", shape: { text: z.string() }, prepare })] };
 */
export function defineTaskKind<Shape extends z.ZodRawShape>(definition: {
  readonly name: string;
  readonly summary: string;
  readonly shape: Shape;
  readonly prepare: (settings: z.output<z.ZodObject<Shape>>, compile: CompileTemplate) => PreparedTask;
}): TaskKind {
  const { name, summary, shape, prepare } = definition;
  const schema = z.object(shape);
  return { name, summary, shape, prepare: (settings, compile) => prepare(schema.parse(settings), compile) };
}

/** Whether a plugin's value is a {@link TaskKind}. */
export function isTaskKind(value: unknown): value is TaskKind {
  const kind = { name: z.string(), summary: z.string(), shape: z.looseObject({}), prepare: z.function() };
  return z.looseObject(kind).safeParse(value).success;
}

/** Text that is a template, and how a schema describes it. */
export const template = (description: string) => z.string().describe(`${description} (Jinja over the record's fields)`);

/** The quoted metric: the one named, or the first of the list. */
export function quotedMetric(named: string | undefined, list: readonly string[]): string {
  return named ?? list[0] ?? "";
}
