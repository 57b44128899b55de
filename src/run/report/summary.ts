import { existsSync, readFileSync } from "node:fs";
import * as path from "node:path";
import pc from "picocolors";
import { isShare, type AnsweredQuestion } from "../../eval/index.ts";
import { readManifest } from "../manifest/manifest.ts";
import { duration } from "../progress.ts";
import { findModel, type RunDirectory } from "../manifest/run-directory.ts";
import { percent, readScores, type RunScores } from "../stages/eval.ts";
import { readSamples, type Sample } from "../stages/samples.ts";

/** What a run came to: for the end of `nuwa run`, for `--json`, for the report. */
export interface RunSummary {
  readonly name: string;
  readonly directory: string;
  /** The model directory to use; undefined when no model was trained. */
  readonly checkpoint: string | undefined;
  readonly report: string | undefined;
  readonly seconds: number;
  readonly stages: Readonly<
    Record<string, { readonly seconds: number; readonly summary: Readonly<Record<string, unknown>> }>
  >;
  readonly samples: readonly Sample[];
  readonly questions: readonly AnsweredQuestion[];
  readonly scores: RunScores | undefined;
}

/** Gathers what a run directory holds. */
export function summarise(directory: RunDirectory): RunSummary {
  const manifest = readManifest(directory.manifest);
  const stages = Object.entries(manifest?.stages ?? {}).filter(([, { status }]) => status === "done");
  return {
    name: manifest?.name ?? path.basename(directory.root),
    directory: directory.root,
    checkpoint: stages.some(([name]) => name === "pretrain") ? findModel(directory.root) : undefined,
    report: existsSync(directory.report) ? directory.report : undefined,
    seconds: stages.reduce((sum, [, { seconds }]) => sum + seconds, 0),
    stages: Object.fromEntries(
      stages.map(([name, { seconds, summary }]) => [name, { seconds, summary: summary ?? {} }]),
    ),
    samples: readSamples(directory) ?? [],
    questions: readQuestions(directory),
    scores: readScores(directory),
  };
}

/** The questions that were asked, with their replies. */
function readQuestions(directory: RunDirectory): AnsweredQuestion[] {
  const file = path.join(directory.eval, "questions.jsonl");
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AnsweredQuestion);
}

/** Of each set of facts the first few questions, right and wrong as they come. */
export function someQuestions(questions: readonly AnsweredQuestion[], perSet: number): AnsweredQuestion[] {
  const sets = [...new Set(questions.map(({ set }) => set))];
  return sets.flatMap((set) => questions.filter((question) => question.set === set).slice(0, perSet));
}

/** The end of `nuwa run`, for a person. */
export function summaryText(summary: RunSummary, directory: RunDirectory): string {
  const lines: string[] = [];
  const title = (text: string): void => {
    lines.push("", pc.bold(text));
  };
  if (summary.samples.length > 0) {
    title("It writes");
    for (const { prompt, text } of summary.samples) lines.push(`  ${pc.cyan(prompt)}${oneLine(text, 200)}`);
  }
  if (summary.questions.length > 0) {
    title("It answers (questions in words that it never saw in training)");
    for (const { messages, reply, answer, right } of someQuestions(summary.questions, 1)) {
      const mark = right ? pc.green("✓") : pc.red("✗");
      lines.push(`  ${pc.cyan(messages.at(-1)?.content ?? "")}`);
      lines.push(`    ${mark} ${oneLine(reply, 160)}${right ? "" : pc.dim(`  (expected: ${answer})`)}`);
    }
  }
  const scores = scoreLines(summary);
  if (scores.length > 0) {
    title("Scores");
    lines.push(...scores.map((line) => `  ${line}`));
  }
  title(`Done in ${duration(summary.seconds)}`);
  const show = (file: string): string => directory.show(file);
  if (summary.checkpoint !== undefined) lines.push(`  model   ${show(summary.checkpoint)}`);
  if (summary.report !== undefined) lines.push(`  report  ${show(summary.report)}`);
  if (summary.checkpoint !== undefined) lines.push(`  talk to it: nuwa chat ${show(directory.root)}`);
  return `${lines.join("\n")}\n`;
}

/** The figures that say how good the model is, a line each. */
export function scoreLines({ stages, scores }: Pick<RunSummary, "stages" | "scores">): string[] {
  const lines: string[] = [];
  const pretrain = stages["pretrain"]?.summary;
  const loss = pretrain?.["val_loss"];
  if (typeof loss === "number") {
    const perByte = pretrain?.["bits_per_byte"];
    const perCharacter = pretrain?.["bits_per_character"];
    const more = [
      `perplexity ${Math.exp(loss).toFixed(1)}`,
      ...(typeof perByte === "number" ? [`${perByte.toFixed(3)} bits a byte`] : []),
      ...(typeof perCharacter === "number" ? [`${perCharacter.toFixed(3)} bits a character`] : []),
    ];
    lines.push(`held-out text: loss ${loss.toFixed(3)}, ${more.join(", ")}`);
  }
  const asked = scores?.questions;
  if (asked !== undefined && asked !== null) {
    lines.push(`held-out questions: ${percent(asked.overall.value)} right of ${asked.overall.n}`);
    for (const [set, score] of Object.entries(asked.bySet))
      lines.push(`  ${set}: ${percent(score.value)} of ${score.n}`);
  }
  for (const { task, metric, scores: values, group, items, available } of scores?.tasks ?? []) {
    const value = values[metric]?.value;
    if (group !== undefined || value === undefined) continue;
    const part = items < available ? ` (${items} of ${available} items)` : "";
    lines.push(`${task}: ${metric} ${isShare(metric) ? percent(value) : value.toFixed(3)}${part}`);
  }
  return lines;
}

function oneLine(text: string, length: number): string {
  const folded = text.replaceAll(/\s+/g, " ");
  return folded.length > length ? `${folded.slice(0, length)}…` : folded;
}
