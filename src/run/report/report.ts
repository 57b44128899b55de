import { writeWhole } from "../../io/whole-file.ts";
import { count, duration } from "../progress.ts";
import type { RunDirectory } from "../manifest/run-directory.ts";
import { readSweepState } from "../manifest/sweep-state.ts";
import type { RecipeStage } from "../stages/recipe-stage.ts";
import { percent } from "../stages/eval.ts";
import { diversity } from "../inspect.ts";
import {
  diversitySection,
  funnelSection,
  lengthsSection,
  partsSection,
  problemsSection,
  removedSection,
  tokensSection,
} from "./data-sections.ts";
import { gather, type ReportData } from "./gather.ts";
import { html, Html } from "./html.ts";
import { questionsSection, samplesSection, scoresSection, settingsSection, timesSection } from "./result-sections.ts";
import { section } from "./section.ts";
import { style } from "./style.ts";
import { curvesSections, variantsSection } from "./sweep-sections.ts";
import { summariseSweep } from "./sweep-summary.ts";
import {
  growthSection,
  learningRateSection,
  lossSection,
  speedSection,
  trainingSections,
} from "./training-sections.ts";

/**
 * Writes a run's report.html: one page that needs nothing from elsewhere, from whatever the run has done so far.
 * @returns its path
 */
export async function writeReport(directory: RunDirectory, stages?: Iterable<RecipeStage>): Promise<string> {
  const data = await gather(directory, stages);
  const isSweep = readSweepState(directory) !== undefined;
  writeWhole(directory.report, isSweep ? renderSweep(directory, data) : renderReport(data));
  return directory.report;
}

/** The page that compares the variants of a sweep, over the data that they share. */
function renderSweep(directory: RunDirectory, data: ReportData): string {
  const summary = summariseSweep(directory);
  const { language } = data.recipe;
  const shared = [funnelSection, removedSection, partsSection, problemsSection, tokensSection, timesSection].map(
    (make) => make(data),
  );
  return page(
    data,
    [
      variantsSection(summary, language),
      ...curvesSections(directory, summary, language),
      ...shared,
      settingsSection(data),
    ].filter((part) => part !== undefined),
  );
}

/** The page that has a run's data part alone: the funnel, lengths, languages, what was removed and why. */
export async function dataReport(directory: RunDirectory, stages?: Iterable<RecipeStage>): Promise<string> {
  const data = { ...(await gather(directory, stages)), diversity: await diversity(directory, stages) };
  const sections = [
    funnelSection,
    lengthsSection,
    diversitySection,
    removedSection,
    partsSection,
    problemsSection,
    tokensSection,
  ];
  return page(
    data,
    sections.map((make) => make(data)).filter((part) => part !== undefined),
  );
}

/** The page's HTML. */
export function renderReport(data: ReportData): string {
  const sections = [
    summarySection(data),
    samplesSection(data),
    questionsSection(data),
    scoresSection(data),
    funnelSection(data),
    removedSection(data),
    partsSection(data),
    problemsSection(data),
    tokensSection(data),
    lossSection(data),
    learningRateSection(data),
    speedSection(data),
    growthSection(data),
    ...trainingSections(data),
    timesSection(data),
    settingsSection(data),
  ].filter((part) => part !== undefined);
  return page(data, sections);
}

function page(data: ReportData, sections: readonly Html[]): string {
  const { recipe } = data;
  const finished = data.manifest?.updated.slice(0, 16).replace("T", " ") ?? "";
  const whole = html`<!doctype html>
    <html lang="${recipe.language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>${recipe.name} · Nuwa</title>
        <style>
          ${new Html(style)}
        </style>
      </head>
      <body>
        <h1>${recipe.name}</h1>
        <p class="lead">
          A language model built from nothing, and how it came about${finished !== "" && html` · ${finished} UTC`}
        </p>
        ${sections}
        <footer>
          Written by Nuwa ${data.manifest?.nuwa ?? ""}. Figures also lie beside this page: manifest.json, metrics.jsonl,
          data/*/statistics.json, eval/.
        </footer>
      </body>
    </html> `;
  return whole.text;
}

function summarySection(data: ReportData): Html | undefined {
  const { summary, pack, funnel, recipe } = data;
  const tiles: { figure: string; what: string }[] = [];
  const first = funnel[0]?.summary.statistics.out;
  const last = funnel.at(-1)?.summary.statistics.out;
  if (first !== undefined && last !== undefined) {
    tiles.push({
      figure: `${count(first.documents)} → ${count(last.documents)}`,
      what: "documents collected and kept",
    });
  }
  if (pack !== undefined) tiles.push({ figure: count(pack.splits.train.tokens), what: "training tokens" });
  const pretrain = summary.stages["pretrain"]?.summary;
  const parameters = pretrain?.["parameters"];
  if (typeof parameters === "number") tiles.push({ figure: count(parameters), what: "parameters" });
  const perByte = pretrain?.["bits_per_byte"];
  if (typeof perByte === "number") tiles.push({ figure: perByte.toFixed(3), what: "bits a byte on held-out text" });
  const asked = summary.scores?.questions;
  if (asked !== undefined && asked !== null) {
    tiles.push({ figure: percent(asked.overall.value), what: "of held-out questions answered right" });
  }
  if (summary.seconds > 0) tiles.push({ figure: duration(summary.seconds), what: "of work" });
  if (tiles.length === 0) return undefined;
  return section(
    "In short",
    recipe.language,
    "What went in, what came out, and how good it is; each figure is explained below.",
    html`<div class="tiles">
      ${tiles.map(({ figure, what }) => html`<div class="tile"><b>${figure}</b><span>${what}</span></div>`)}
    </div>`,
  );
}
