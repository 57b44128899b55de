import type { EvalEvent, MetricsLine, SampleEvent, StepEvent } from "../../train/index.ts";
import { count } from "../progress.ts";
import { lineChart, smooth, type Point } from "./charts.ts";
import type { ReportData } from "./gather.ts";
import { html, type Html } from "./html.ts";
import { nanoGptShakespeare } from "./published.ts";
import { sectionOf } from "../settings/general.ts";
import { tokenizerStage } from "../stages/tokenizer.ts";
import { section } from "./section.ts";

function steps(lines: readonly MetricsLine[]): StepEvent[] {
  return lines.filter((line) => line.type === "step");
}

function evals(lines: readonly MetricsLine[]): EvalEvent[] {
  return lines.filter((line) => line.type === "eval");
}

const key = (entries: readonly (readonly [colour: string, name: string])[]): Html =>
  html`<figcaption class="key">
    ${entries.map(([colour, name]) => html`<i style="background:var(--${colour})"></i>${name}`)}
  </figcaption>`;

function lossCurve(lines: readonly MetricsLine[], rules: { value: number; label: string }[]): Html {
  const training = steps(lines).map(({ step, loss }): Point => ({ step, value: loss, series: "training" }));
  const heldOut = evals(lines).map(({ step, val_loss }): Point => ({ step, value: val_loss, series: "held out" }));
  return html`<figure>
    ${lineChart({
      faint: training,
      lines: smooth(training),
      dots: heldOut,
      x: "step",
      y: "loss (nats a token)",
      log: true,
      rules,
    })}${key([["c1", "training"], ...(heldOut.length > 0 ? ([["c2", "held-out text"]] as const) : [])])}
  </figure>`;
}

/** Loss against steps, training and held out. */
export function lossSection({ pretrain, pack, recipe }: ReportData): Html | undefined {
  if (steps(pretrain).length < 2) return undefined;
  const rules = pack === undefined ? [] : [{ value: Math.log(pack.vocab_size), label: "guessing" }];
  if (sectionOf(recipe, tokenizerStage)?.type === "char")
    rules.push({ value: nanoGptShakespeare.loss, label: "nanoGPT, Shakespeare 1.88" });
  const last = evals(pretrain).at(-1);
  const end =
    last === undefined
      ? undefined
      : html`<p>
          At the end: held-out loss
          ${last.val_loss.toFixed(3)}${last.perplexity !== undefined && html`, perplexity ${last.perplexity.toFixed(1)}`}${last.bits_per_byte !== undefined && html`, ${last.bits_per_byte.toFixed(3)} bits a byte`}${last.bits_per_character !== undefined && html`, ${last.bits_per_character.toFixed(3)} bits a character`}.
        </p>`;
  return section(
    "How the loss fell",
    recipe.language,
    "The loss says how surprised the model is by the next token: lower is better, and when held-out text no longer follows training text, it begins to learn by heart.",
    html`${lossCurve(pretrain, rules)}${end}${scalarCurves(pretrain)}`,
  );
}

/** The learning rate's course. */
export function learningRateSection({ pretrain, recipe }: ReportData): Html | undefined {
  const points = steps(pretrain).map(({ step, lr }): Point => ({ step, value: lr, series: "learning rate" }));
  if (points.length < 2) return undefined;
  return section(
    "Learning rate",
    recipe.language,
    "How large the corrections were: small at first, so that nothing breaks, and small at the end, so that what was learned settles.",
    html`<figure>${lineChart({ lines: points, x: "step", y: "learning rate", zero: true })}</figure>`,
  );
}

/** Tokens per second. */
export function speedSection({ pretrain, recipe }: ReportData): Html | undefined {
  const all = steps(pretrain);
  const points = all.map(({ step, tokens_per_s }): Point => ({ step, value: tokens_per_s, series: "speed" }));
  if (points.length < 2) return undefined;
  const sorted = points.map(({ value }) => value).toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const last = all.at(-1);
  return section(
    "Speed",
    recipe.language,
    `How many tokens the model learned from in a second: ${count(median)} in the median${last === undefined ? "" : `, ${count(last.tokens)} tokens in all`}.`,
    html`<figure>
      ${lineChart({ faint: points, lines: smooth(points), x: "step", y: "tokens a second", zero: true })}
    </figure>`,
  );
}

const SHOWN_STEPS = 6;

/** What the model wrote at different times of its training. */
export function growthSection({ pretrain, recipe }: ReportData): Html | undefined {
  const samples = pretrain.filter((line): line is SampleEvent => line.type === "sample");
  const times = [...new Set(samples.map(({ step }) => step))].toSorted((a, b) => a - b);
  if (times.length === 0) return undefined;
  const every = Math.max(1, (times.length - 1) / (SHOWN_STEPS - 1));
  const shown = new Set(
    Array.from({ length: SHOWN_STEPS }, (_, i) => times[Math.min(times.length - 1, Math.round(i * every))]),
  );
  const blocks = times
    .filter((step) => shown.has(step))
    .map(
      (step) =>
        html`<h3>step ${count(step)}</h3>
          ${samples
            .filter((sample) => sample.step === step)
            .slice(0, 3)
            .map(({ prompt, text }) => html`<blockquote><span class="prompt">${prompt}</span>${text}</blockquote>`)}`,
    );
  return section(
    "What it wrote while it learned",
    recipe.language,
    "The same beginnings, continued by the model at different times: first noise, then words, then sentences.",
    html`${blocks}`,
  );
}

/** Training after pretraining: each stage's loss, and what else its objective gives to plot. */
export function trainingSections({ trainings, summary, recipe }: ReportData): Html[] {
  return trainings
    .filter(({ lines }) => steps(lines).length >= 2)
    .map(({ stage, title, lead, lines }) => {
      const made = stage === "sft" ? summary.stages["dialogues"]?.summary : undefined;
      const from = made === undefined ? "" : ` It saw ${count(Number(made["dialogues"] ?? 0))} dialogues.`;
      return section(title, recipe.language, `${lead}${from}`, html`${lossCurve(lines, [])}${scalarCurves(lines)}`);
    });
}

/** A chart for each scalar of an objective's own, training and held out. */
function scalarCurves(lines: readonly MetricsLine[]): Html[] {
  const points = (events: readonly (StepEvent | EvalEvent)[], name: string, series: string): Point[] =>
    events.flatMap(({ step, scalars }) => {
      const value = scalars?.[name];
      return value === undefined || !Number.isFinite(value) ? [] : [{ step, value, series }];
    });
  const [trained, heldOut] = [steps(lines), evals(lines)];
  const names = new Set([...trained, ...heldOut].flatMap(({ scalars = {} }) => Object.keys(scalars)));
  return [...names].flatMap((name) => {
    const training = points(trained, name, "training");
    const dots = points(heldOut, name, "held out");
    if (training.length + dots.length === 0) return [];
    return [
      html`<figure>${lineChart({ faint: training, lines: smooth(training), dots, x: "step", y: name })}</figure>`,
    ];
  });
}
