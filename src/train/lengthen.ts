import type { Schedule, ScheduleSettings } from "../optim/index.ts";
import { NuwaError } from "../text/errors.ts";
import type { Resumable } from "./checkpoints/checkpoint.ts";
import { type Decisive, differsInLength } from "./settings.ts";

/** A finished run that is to go on. */
export interface Lengthening {
  /** Steps of the run until now. */
  readonly from: number;
  /** Steps in all. */
  readonly to: number;
}

/**
 * Whether a run goes on from a checkpoint with more steps than it was begun with, and nothing else changed.
 *
 * @returns undefined for the same length, and for other changes, which are not decided here
 * @throws NuwaError TRAINING when it is not finished, or would become shorter
 */
export function lengthening({ state, path }: Resumable, now: Decisive): Lengthening | undefined {
  const before = Number(state.settings["steps"]);
  const to = Number(now["steps"]);
  if (!differsInLength(state.settings, now) || !Number.isSafeInteger(before)) return undefined;
  const fail = (message: string, hint: string): NuwaError => new NuwaError("TRAINING", message, { where: path, hint });
  if (to < before) {
    throw fail(
      `this run has a length of ${before} steps, and cannot be shortened to ${to}`,
      "set the length back, or train into another folder",
    );
  }
  if (state.step < before) {
    throw fail(
      `this run is at step ${state.step} of ${before}; it can be lengthened to ${to} once it is finished`,
      "set the length back and let it finish, or train into another folder",
    );
  }
  return { from: before, to };
}

/**
 * What the learning rate does in the rest of a lengthened run: one line without a full stop.
 * @param scheduleOf the schedule of a run of so many steps
 */
export function describeSchedule(
  settings: ScheduleSettings,
  scheduleOf: (steps: number) => Schedule,
  { from, to }: Lengthening,
  learningRate: number,
): string {
  const rate = (length: number, step: number): string =>
    String(Number((learningRate * scheduleOf(length)(step)).toPrecision(3)));
  const [last, next, end] = [rate(from, from - 1), rate(to, from), rate(to, to - 1)];
  const warmup = settings.warmup_steps > from ? "the warm-up goes on" : "the warm-up is over";
  const decay = settings.name === "constant" ? "" : `, the ${settings.name} decay spans all ${to} steps now`;
  const jump = last === next ? `stays at ${last}` : `goes from ${last} to ${next} at step ${from + 1}`;
  return `${warmup}${decay}, and the learning rate ${jump}${end === next ? "" : `, ${end} at the end`}`;
}
