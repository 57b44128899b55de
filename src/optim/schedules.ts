import { z } from "zod";

const warmup_steps = z
  .int()
  .min(0)
  .default(0)
  .describe("Steps over which the learning rate rises from near 0 to its full value.");
const final_ratio = z
  .number()
  .min(0)
  .max(1)
  .default(0.1)
  .describe("The learning rate at the end, as a share of the full one.");

/** How the learning rate changes over a run. */
export const scheduleSettings = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("constant").describe("Full after the warm-up."), warmup_steps }),
  z.strictObject({
    name: z.literal("cosine").describe("Half a cosine wave down to the final ratio."),
    warmup_steps,
    final_ratio,
  }),
  z.strictObject({
    name: z.literal("linear").describe("A straight line down to the final ratio."),
    warmup_steps,
    final_ratio,
  }),
  z.strictObject({
    name: z.literal("wsd").describe("Warm-up, stable, decay: full, then a straight line down at the end."),
    warmup_steps,
    decay_ratio: z
      .number()
      .gt(0)
      .max(1)
      .default(0.2)
      .describe("Share of all steps, at the end, over which the learning rate falls."),
    final_ratio: final_ratio.default(0),
  }),
]);

export type ScheduleSettings = z.output<typeof scheduleSettings>;

/** Step (0 for the first update) to the factor on the learning rate, in [0, 1]. */
export type Schedule = (step: number) => number;

/**
 * @param totalSteps updates in the whole run
 * @example
 * const schedule = createSchedule({ name: "cosine", warmup_steps: 100, final_ratio: 0.1 }, 2000);
 * schedule(0); // 1/101: the first step of the warm-up
 */
export function createSchedule(settings: ScheduleSettings, totalSteps: number): Schedule {
  const { warmup_steps: warmup } = settings;
  const decay = decayFactor(settings, totalSteps);
  return (step) => (step < warmup ? (step + 1) / (warmup + 1) : decay(Math.min(step, totalSteps)));
}

function decayFactor(settings: ScheduleSettings, totalSteps: number): Schedule {
  const { name, warmup_steps: warmup } = settings;
  /** 0 at the step where the fall begins, 1 at the end of the run. */
  const progress = (step: number, begin: number): number =>
    totalSteps > begin ? Math.max(0, step - begin) / (totalSteps - begin) : 1;
  switch (name) {
    case "constant":
      return () => 1;
    case "cosine":
      // Loshchilov & Hutter 2017, equation 5
      return (step) => mix(settings.final_ratio, (1 + Math.cos(Math.PI * progress(step, warmup))) / 2);
    case "linear":
      return (step) => mix(settings.final_ratio, 1 - progress(step, warmup));
    case "wsd": {
      // Hu et al. 2024 (MiniCPM), with a linear fall
      const begin = Math.max(warmup, totalSteps - Math.round(settings.decay_ratio * totalSteps));
      return (step) => mix(settings.final_ratio, 1 - progress(step, begin));
    }
  }
}

/** final at 0, 1 at 1. */
function mix(final: number, share: number): number {
  return final + (1 - final) * share;
}
