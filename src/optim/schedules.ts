import { z } from "zod";
import { Registry } from "../text/index.ts";
import {
  defineSchedule,
  type Schedule,
  type ScheduleDefinition,
  scheduleSchema,
  type ScheduleSettings,
} from "./define-schedule.ts";

const final_ratio = z
  .number()
  .min(0)
  .max(1)
  .default(0.1)
  .describe("The learning rate at the end, as a share of the full one.");

const constant = defineSchedule({
  name: "constant",
  summary: "Full after the warm-up.",
  keys: {},
  create: () => () => 1,
});

const cosine = defineSchedule({
  name: "cosine",
  summary: "Half a cosine wave down to the final ratio.",
  keys: { final_ratio },
  // Loshchilov & Hutter 2017, equation 5
  create: (settings, { warmup, steps }) => {
    const fall = progress(warmup, steps);
    return (step) => mix(settings.final_ratio, (1 + Math.cos(Math.PI * fall(step))) / 2);
  },
});

const linear = defineSchedule({
  name: "linear",
  summary: "A straight line down to the final ratio.",
  keys: { final_ratio },
  create: (settings, { warmup, steps }) => {
    const fall = progress(warmup, steps);
    return (step) => mix(settings.final_ratio, 1 - fall(step));
  },
});

/** Hu et al. 2024 (MiniCPM), with a linear fall. */
const wsd = defineSchedule({
  name: "wsd",
  summary: "Warm-up, stable, decay: full, then a straight line down at the end.",
  keys: {
    decay_ratio: z
      .number()
      .gt(0)
      .max(1)
      .default(0.2)
      .describe("Share of all steps, at the end, over which the learning rate falls."),
    final_ratio: final_ratio.default(0),
  },
  create: (settings, { warmup, steps }) => {
    const fall = progress(Math.max(warmup, steps - Math.round(settings.decay_ratio * steps)), steps);
    return (step) => mix(settings.final_ratio, 1 - fall(step));
  },
});

/** Every schedule. A new one is a file and a line here. */
export const schedules = new Registry<ScheduleDefinition>("schedule", [constant, cosine, linear, wsd]);

/** Which of them, and its settings. */
export const scheduleSettings = scheduleSchema(schedules);

/**
 * @param totalSteps updates in the whole run
 * @param registry with the schedules of plugins; default: those that there are
 * @throws NuwaError VALUE for a name that there is none of
 * @example
 * const schedule = createSchedule({ name: "cosine", warmup_steps: 100, final_ratio: 0.1 }, 2000);
 * schedule(0); // 1/101: the first step of the warm-up
 */
export function createSchedule(
  settings: ScheduleSettings,
  totalSteps: number,
  registry: Registry<ScheduleDefinition> = schedules,
): Schedule {
  const { name, warmup_steps: warmup } = settings;
  const decay = registry.get(name, "schedule.name").create(settings, { warmup, steps: totalSteps });
  return (step) => (step < warmup ? (step + 1) / (warmup + 1) : decay(Math.min(step, totalSteps)));
}

/** 0 at the step where the fall begins, 1 at the end of the run. */
function progress(begin: number, end: number): Schedule {
  return (step) => (end > begin ? Math.max(0, step - begin) / (end - begin) : 1);
}

/** final at 0, 1 at 1. */
function mix(final: number, share: number): number {
  return final + (1 - final) * share;
}
