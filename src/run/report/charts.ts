import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { Html } from "./html.ts";

/** Charts are drawn while the report is written: the page itself runs no code and asks for nothing. */

export interface Point {
  readonly step: number;
  readonly value: number;
  readonly series: string;
}

export interface LineChart {
  /** Order and with it colours of the series. Default: as they come. */
  readonly series?: readonly string[];
  readonly lines: readonly Point[];
  /** Drawn faintly behind: values before smoothing. */
  readonly faint?: readonly Point[];
  /** Drawn as dots with lines between them: measured now and then. */
  readonly dots?: readonly Point[];
  readonly x: string;
  readonly y: string;
  readonly log?: boolean;
  /** Horizontal lines to compare with. */
  readonly rules?: readonly { readonly value: number; readonly label: string }[];
  readonly zero?: boolean;
}

const WIDTH = 720;
const COLOURS = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"].map((name) => `var(--${name})`);
const DASHES = [undefined, "7 3", "2 3"];

/** How the i-th of several lines is drawn: eight colours, then the same dashed. */
export function seriesStyle(i: number): { readonly colour: string; readonly dash: string | undefined } {
  return {
    colour: COLOURS[i % COLOURS.length] ?? "var(--c1)",
    dash: DASHES[Math.floor(i / COLOURS.length) % DASHES.length],
  };
}

/** Curves over steps. */
export function lineChart(chart: LineChart): Html {
  const { lines, faint = [], dots = [], rules = [] } = chart;
  const channels = { x: "step", y: "value" } as const;
  const series = chart.series ?? [...new Set([...lines, ...dots].map((point) => point.series))];
  const colour = (name: string): string => seriesStyle(series.indexOf(name)).colour;
  const dashed = (name: string): { strokeDasharray?: string } => {
    const { dash } = seriesStyle(series.indexOf(name));
    return dash === undefined ? {} : { strokeDasharray: dash };
  };
  const of = (points: readonly Point[], name: string): Point[] => points.filter((point) => point.series === name);
  return draw({
    height: 280,
    marginLeft: 56,
    marginRight: 24,
    x: { label: chart.x },
    y: {
      label: chart.y,
      grid: true,
      ...(chart.log === true ? { type: "log" as const, ticks: 6, tickFormat: "~g" } : {}),
      ...(chart.zero === true ? { zero: true } : {}),
    },
    marks: [
      ...series.flatMap((name) => [
        Plot.line(thin(of(faint, name)), { ...channels, stroke: colour(name), strokeOpacity: 0.25, strokeWidth: 1 }),
        Plot.line(thin(of(lines, name)), { ...channels, stroke: colour(name), strokeWidth: 2, ...dashed(name) }),
        Plot.line(of(dots, name), { ...channels, stroke: colour(name), strokeWidth: 1.5, ...dashed(name) }),
        Plot.dot(of(dots, name), { ...channels, fill: colour(name), r: 3 }),
      ]),
      ...rules.flatMap(({ value, label }) => [
        Plot.ruleY([value], { stroke: "currentColor", strokeDasharray: "4 4", strokeOpacity: 0.6 }),
        Plot.text([{ value, label }], {
          y: "value",
          text: "label",
          frameAnchor: "right",
          textAnchor: "end",
          dy: -6,
          fill: "currentColor",
        }),
      ]),
    ],
  });
}

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Written at the bar's end. */
  readonly text: string;
  readonly highlight?: boolean;
}

/** Horizontal bars in the order given. */
export function barChart(bars: readonly Bar[], x: string, marginLeft = 110): Html {
  return draw({
    height: 40 + 30 * bars.length,
    marginLeft,
    marginRight: 90,
    x: { label: x, grid: true, tickFormat: "~s", ticks: 5 },
    y: { label: null, domain: bars.map((bar) => bar.label) },
    marks: [
      Plot.barX(bars, {
        x: "value",
        y: "label",
        fill: (bar: Bar) => (bar.highlight === false ? "var(--c4)" : "var(--c1)"),
        insetTop: 3,
        insetBottom: 3,
        rx: 2,
      }),
      Plot.text(bars, { x: "value", y: "label", text: "text", textAnchor: "start", dx: 6, fill: "currentColor" }),
      Plot.ruleX([0]),
    ],
  });
}

function draw(options: Plot.PlotOptions): Html {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const figure: unknown = Plot.plot({
    ...options,
    width: WIDTH,
    style: { fontSize: "12px", background: "transparent" },
    // linkedom has all of the DOM that drawing needs, under its own types.
    document: document as never,
  });
  const svg = hasOuterHtml(figure) ? figure.outerHTML : "";
  // A hundredth of a pixel is enough, and the file a third of the size.
  return new Html(svg.replaceAll(/\d+\.\d{3,}/g, (number) => String(Math.round(Number(number) * 100) / 100)));
}

function hasOuterHtml(value: unknown): value is { outerHTML: string } {
  return typeof value === "object" && value !== null && "outerHTML" in value && typeof value.outerHTML === "string";
}

const MOST_POINTS = 800;

/** Every n-th point of a long run, first and last among them: more than the pixels show no one sees. */
function thin(points: readonly Point[]): readonly Point[] {
  if (points.length <= MOST_POINTS) return points;
  const every = (points.length - 1) / (MOST_POINTS - 1);
  return Array.from({ length: MOST_POINTS }, (_, i) => points[Math.round(i * every)]).filter((p) => p !== undefined);
}

/** Moving average that looks back on about 2% of the run, so that the trend shows through the noise. */
export function smooth(points: readonly Point[]): Point[] {
  const keep = 1 - 1 / Math.max(1, points.length / 50);
  let average = 0;
  let weight = 0;
  return points.map((point) => {
    average = keep * average + (1 - keep) * point.value;
    weight = keep * weight + (1 - keep);
    return { ...point, value: average / weight };
  });
}
