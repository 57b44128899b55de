import * as path from "node:path";
import { existsSync } from "node:fs";
import type { MetricsLine } from "../../train/index.ts";
import { readMetrics } from "../../train/index.ts";
import { readManifest } from "../manifest/manifest.ts";
import type { RunDirectory } from "../manifest/run-directory.ts";
import { readSweepState, type VariantState } from "../manifest/sweep-state.ts";
import { duration } from "../progress.ts";
import { percent } from "../stages/eval.ts";
import { summarise, type RunSummary } from "./summary.ts";

/** What a sweep came to: for the end of `nuwa sweep`, for `--json`, for its report. */
export interface SweepSummary {
  readonly name: string;
  readonly directory: string;
  readonly report: string | undefined;
  readonly variants: readonly VariantSummary[];
}

/** What one variant of a sweep came to. */
export interface VariantSummary extends VariantState {
  readonly directory: string;
  /** What its run came to so far; undefined before it began. */
  readonly summary: RunSummary | undefined;
}

/** Gathers what a sweep's directory holds. */
export function summariseSweep(directory: RunDirectory): SweepSummary {
  return {
    name: readManifest(directory.manifest)?.name ?? path.basename(directory.root),
    directory: directory.root,
    report: existsSync(directory.report) ? directory.report : undefined,
    variants: (readSweepState(directory) ?? []).map((state) => {
      const own = directory.variant(state.id);
      return { ...state, directory: own.root, summary: existsSync(own.manifest) ? summarise(own) : undefined };
    }),
  };
}

/** One figure of a variant. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly text: string;
  /** Which of several variants is the best by it; undefined for a figure that says nothing of that. */
  readonly better?: "lower" | "higher";
}

/** The figures by which variants are compared: losses of each training stage, scores, time and cost. */
export function figuresOf({ summary }: VariantSummary): readonly Figure[] {
  if (summary === undefined) return [];
  const figures: Figure[] = [];
  const trained = Object.entries(summary.stages).filter(([, stage]) => typeof stage.summary["loss"] === "number");
  const add = (name: string, value: unknown, better: "lower" | "higher", digits = 3): void => {
    if (typeof value === "number") figures.push({ name, value, text: value.toFixed(digits), better });
  };
  for (const [stage, { summary: of }] of trained) {
    const prefix = trained.length > 1 ? `${stage} ` : "";
    add(`${prefix}loss`, of["loss"], "lower");
    add(`${prefix}held-out loss`, of["val_loss"], "lower");
    add(`${prefix}bits a byte`, of["bits_per_byte"], "lower");
  }
  const { scores } = summary;
  const asked = scores?.questions;
  if (asked !== undefined && asked !== null) {
    const { value } = asked.overall;
    figures.push({ name: "questions", value, text: percent(value), better: "higher" });
  }
  for (const { task, metric, scores: values, group } of scores?.tasks ?? []) {
    const isLower = /perplexity|bits|loss/.test(metric);
    if (group === undefined) add(`${task} ${metric}`, values[metric]?.value, isLower ? "lower" : "higher");
  }
  if (trained.length > 0) {
    const seconds = trained.reduce((sum, [, stage]) => sum + stage.seconds, 0);
    figures.push({ name: "training time", value: seconds, text: duration(seconds) });
  }
  return figures;
}

/** Variants beside each other: a head, and a row for each; `best` marks the cells that win their column. */
export function comparison(variants: readonly VariantSummary[]): {
  readonly head: readonly string[];
  readonly rows: readonly { readonly cells: readonly { readonly text: string; readonly best: boolean }[] }[];
} {
  const keys = [...new Set(variants.flatMap(({ overrides }) => Object.keys(overrides)))];
  const figures = variants.map(figuresOf);
  const names = [...new Set(figures.flatMap((list) => list.map(({ name }) => name)))];
  const winner = (name: string): number | undefined => {
    const values = figures.map((list) => list.find((figure) => figure.name === name));
    const better = values.find((figure) => figure !== undefined)?.better;
    const known = values.filter((figure) => figure !== undefined).map(({ value }) => value);
    if (better === undefined || known.length < 2) return undefined;
    return better === "lower" ? Math.min(...known) : Math.max(...known);
  };
  const winners = new Map(names.map((name) => [name, winner(name)]));
  const plain = (text: string) => ({ text, best: false });
  return {
    head: ["variant", ...keys, ...names, "state"],
    rows: variants.map(({ id, overrides, status, summary }, i) => ({
      cells: [
        plain(id),
        ...keys.map((key) => plain(overrides[key] === undefined ? "" : JSON.stringify(overrides[key]))),
        ...names.map((name) => {
          const figure = figures[i]?.find((one) => one.name === name);
          return { text: figure?.text ?? "", best: figure !== undefined && figure.value === winners.get(name) };
        }),
        plain(status === "waiting" && summary !== undefined ? "begun" : status),
      ],
    })),
  };
}

/** A variant's metrics, by training stage. */
export function metricsOf(variant: RunDirectory): ReadonlyMap<string, readonly MetricsLine[]> {
  const stages = Object.keys(readManifest(variant.manifest)?.stages ?? {});
  const metrics = stages.map((stage) => [stage, readMetrics(variant.metrics(stage))] as const);
  return new Map(metrics.filter(([, lines]) => lines.length > 0));
}
