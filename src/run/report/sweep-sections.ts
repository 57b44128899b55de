import type { MetricsLine } from "../../train/index.ts";
import type { RunDirectory } from "../manifest/run-directory.ts";
import { lineChart, seriesStyle, smooth, type Point } from "./charts.ts";
import { html, tableOf, type Html } from "./html.ts";
import { section } from "./section.ts";
import { comparison, metricsOf, type SweepSummary } from "./sweep-summary.ts";

/** The variants beside each other: what differs, final losses, scores. */
export function variantsSection({ variants }: SweepSummary, language: "en" | "zh"): Html {
  const { head, rows } = comparison(variants);
  const failed = variants.filter(({ error }) => error !== undefined);
  return section(
    "Variants",
    language,
    "The same data and code, other settings; the best of each column is coloured.",
    html`${tableOf(
      head,
      rows.map(({ cells }) => cells.map(({ text, best }) => (best ? html`<b class="right">${text}</b>` : text))),
    )}${failed.map(({ id, error }) => html`<p><span class="wrong">${id} failed:</span> ${error ?? ""}</p>`)}`,
  );
}

/** For each training stage the loss of all variants on one chart. */
export function curvesSections(
  directory: RunDirectory,
  { variants }: SweepSummary,
  language: "en" | "zh",
): readonly Html[] {
  const metrics = variants.map(({ id }) => ({ id, stages: metricsOf(directory.variant(id)) }));
  const stages = [...new Set(metrics.flatMap((variant) => [...variant.stages.keys()]))];
  return stages.map((stage) => {
    const curves = metrics.map(({ id, stages: of }) => ({ id, lines: of.get(stage) ?? [] }));
    return section(
      "How the loss fell",
      language,
      `Training loss of every variant (${stage}), smoothed; dots are held-out text.`,
      curvesFigure(curves),
    );
  });
}

function curvesFigure(curves: readonly { readonly id: string; readonly lines: readonly MetricsLine[] }[]): Html {
  const shown = curves.filter(({ lines }) => lines.length > 0);
  const training = shown.flatMap(({ id, lines }) =>
    smooth(
      lines
        .filter((line) => line.type === "step")
        .flatMap(({ step, loss }): Point[] => (loss === null ? [] : [{ step, value: loss, series: id }])),
    ),
  );
  const heldOut = shown.flatMap(({ id, lines }) =>
    lines
      .filter((line) => line.type === "eval")
      .map(({ step, val_loss }): Point => ({ step, value: val_loss, series: id })),
  );
  const names = shown.map(({ id }) => id);
  return html`<figure>
    ${lineChart({ series: names, lines: training, dots: heldOut, x: "step", y: "loss (nats a token)" })}
    <figcaption class="key">
      ${names.map((name, i) => {
        const { colour, dash } = seriesStyle(i);
        const border = dash === undefined ? "solid" : "dashed";
        return html`<i style="background:none;border-top:.2rem ${border} ${colour}"></i>${name}`;
      })}
    </figcaption>
  </figure>`;
}
