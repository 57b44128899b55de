import { leaderboardTasks, type TaskResult } from "../../eval/index.ts";
import { bytes, count, duration } from "../progress.ts";
import { percent } from "../stages/eval.ts";
import { someQuestions } from "./summary.ts";
import { barChart } from "./charts.ts";
import type { ReportData } from "./gather.ts";
import { html, tableOf, type Html } from "./html.ts";
import { bitsPerByte, leaderboard, meanOf, nanoGptShakespeare } from "./published.ts";
import { sectionOf } from "../settings/general.ts";
import { tokenizerStage } from "../stages/tokenizer.ts";
import { section } from "./section.ts";

/** What the finished model writes. */
export function samplesSection({ summary, recipe }: ReportData): Html | undefined {
  if (summary.samples.length === 0) return undefined;
  return section(
    "What it writes now",
    recipe.language,
    "The finished model goes on from a few words (in colour); nobody chose the best of several tries.",
    html`${summary.samples.map(({ prompt, text }) => html`<blockquote><span class="prompt">${prompt}</span>${text}</blockquote>`)}`,
  );
}

/** Held-out questions: the share of right answers, and some of them. */
export function questionsSection({ summary, recipe }: ReportData): Html | undefined {
  const asked = summary.scores?.questions;
  if (asked === undefined || asked === null) return undefined;
  const error = Number.isFinite(asked.overall.standardError)
    ? ` ± ${(100 * asked.overall.standardError).toFixed(1)}`
    : "";
  const rows = Object.entries(asked.bySet).map(([set, score]) => [set, count(score.n), percent(score.value)]);
  const shown = someQuestions(summary.questions, 4).map(
    ({ messages, reply, answer, right }) =>
      html`<dt>${messages.at(-1)?.content ?? ""}</dt>
        <dd>
          ${right ? html`<span class="right">✓</span>` : html`<span class="wrong">✗</span>`}
          ${reply}${!right && html` <span class="where">(expected: ${answer})</span>`}
        </dd>`,
  );
  return section(
    "Questions it was asked",
    recipe.language,
    `The facts stood in its training, the wording of these questions did not: ${percent(asked.overall.value)}${error} of ${count(asked.overall.n)} answers were right.`,
    html`${tableOf(["facts", "questions", "right"], rows)}
      <dl class="qa">${shown}</dl>`,
  );
}

/** Our figures beside others'. */
export function scoresSection(data: ReportData): Html | undefined {
  const { summary, recipe } = data;
  const tasks = summary.scores?.tasks ?? [];
  const parts: Html[] = [];
  if (tasks.some(({ task }) => leaderboardTasks.some((one) => one.task === task))) parts.push(leaderboardTable(tasks));
  const others = tasks.filter(
    ({ task, group }) => group === undefined && !leaderboardTasks.some((one) => one.task === task),
  );
  if (others.length > 0) {
    parts.push(
      tableOf(
        ["task", "metric", "score", "items"],
        others.map(({ task, metric, scores, items, available }) => [
          task,
          metric,
          (scores[metric]?.value ?? Number.NaN).toFixed(3),
          items < available ? `${count(items)} of ${count(available)}` : count(items),
        ]),
      ),
    );
  }
  const perByte = summary.stages["pretrain"]?.summary["bits_per_byte"];
  if (typeof perByte === "number") {
    const bars = [
      ...bitsPerByte.map(({ what, value }) => ({ label: what, value, text: value.toFixed(2), highlight: false })),
      { label: "this model, held-out text", value: perByte, text: perByte.toFixed(2) },
    ].toSorted((a, b) => b.value - a.value);
    parts.push(
      html`<h3>Bits a byte</h3>
        <p>
          How many bits the model needs for each byte of text it has not seen; this compares models whatever their
          tokens are. English text; another text is harder or easier.
        </p>
        <figure>${barChart(bars, "bits a byte", 240)}</figure>`,
    );
  }
  const loss = summary.stages["pretrain"]?.summary["val_loss"];
  if (sectionOf(recipe, tokenizerStage)?.type === "char" && typeof loss === "number") {
    parts.push(
      tableOf(
        ["model", "held-out loss"],
        [
          [nanoGptShakespeare.model, nanoGptShakespeare.loss.toFixed(2)],
          [`${recipe.name} (comparable if on the same text and size)`, loss.toFixed(3)],
        ],
      ),
    );
  }
  if (parts.length === 0) return undefined;
  return section(
    "Scores beside published ones",
    recipe.language,
    "The same measures as others publish; a model this small on little text is not meant to win, but the scale is the same.",
    html`${parts}`,
  );
}

function leaderboardTable(tasks: readonly TaskResult[]): Html {
  const ours = leaderboardTasks.map((one) => tasks.find(({ task }) => task === one.task));
  const values = ours.map((task) => (task === undefined ? undefined : task.scores[task.metric]?.value));
  const complete = values.every((value) => value !== undefined);
  const mean = values.reduce<number>((sum, value) => sum + (value ?? 0), 0) / values.length;
  const limited = ours.some((task) => task !== undefined && task.items < task.available);
  const head = ["model", "parameters", "ARC", "HellaSwag", "MMLU", "TruthfulQA", "mean"];
  const rows = leaderboard.map((score) => [
    score.model,
    score.parameters,
    ...leaderboardTasks.map(({ task }) => score[task].toFixed(1)),
    meanOf(score).toFixed(1),
  ]);
  const own = [
    html`<b>this model</b>`,
    "",
    ...values.map((value) => (value === undefined ? "" : (100 * value).toFixed(1))),
    complete ? (100 * mean).toFixed(1) : "",
  ];
  return html`${tableOf(head, [...rows, own])}${limited && html`<p class="where">Measured on a part of the items: an estimate.</p>`}
    <p class="where">
      Published: Open LLM Leaderboard v1 (ARC 25-shot, HellaSwag 10-shot, MMLU 5-shot, TruthfulQA 0-shot), in percent.
    </p>`;
}

/** Time by stage, and the machine. */
export function timesSection({ manifest, recipe }: ReportData): Html | undefined {
  if (manifest === undefined) return undefined;
  const stages = Object.entries(manifest.stages).filter(([, { status }]) => status === "done");
  if (stages.length === 0) return undefined;
  const bars = stages.map(([stage, { seconds }]) => ({ label: stage, value: seconds, text: duration(seconds) }));
  const { system, processor, cores, memory_bytes: memory } = manifest.machine;
  return section(
    "Where the time went",
    recipe.language,
    `Working time of each stage, ${duration(bars.reduce((sum, bar) => sum + bar.value, 0))} in all.`,
    html`<figure>${barChart(bars, "seconds")}</figure>
      <p class="where">
        Machine: ${processor}, ${cores} cores, ${typeof memory === "number" && bytes(memory)} of memory, ${system}, Node
        ${manifest.node}, Nuwa ${manifest.nuwa}.
      </p>`,
  );
}

/** The recipe as resolved. */
export function settingsSection({ recipeText, recipe }: ReportData): Html {
  return section(
    "Settings",
    recipe.language,
    "Everything that decided this run; the same recipe on the same data gives the same model, bit for bit.",
    html`<details>
      <summary>recipe.yaml</summary>
      <pre>${recipeText}</pre>
    </details>`,
  );
}
