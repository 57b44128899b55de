import * as z from "zod";
import { readJson } from "../../io/json.ts";
import { writeWhole } from "../../io/whole-file.ts";
import type { RunDirectory } from "./run-directory.ts";

const variantState = z.object({
  id: z.string(),
  /** What it has otherwise than the sweep's recipe: dotted key to value. */
  overrides: z.record(z.string(), z.json()),
  status: z.enum(["waiting", "done", "failed"]),
  /** Why it failed, in one line. */
  error: z.string().optional(),
});

const sweepState = z.object({ format: z.literal(1), variants: z.array(variantState) });

export type VariantState = z.output<typeof variantState>;

/** How the variants of a sweep went, from its `sweep.json`; undefined for a run that is no sweep. */
export function readSweepState(directory: RunDirectory): readonly VariantState[] | undefined {
  const parsed = sweepState.safeParse(readJson(directory.sweep));
  return parsed.success ? parsed.data.variants : undefined;
}

/** @throws NuwaError FILE when it cannot be written */
export function writeSweepState(directory: RunDirectory, variants: readonly VariantState[]): void {
  writeWhole(directory.sweep, `${JSON.stringify({ format: 1, variants }, null, 2)}\n`);
}
