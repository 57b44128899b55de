import { describe, expect, test } from "vitest";
import { createSchedule, scheduleSettings } from "./schedules.ts";

const make = (settings: unknown, total: number) => createSchedule(scheduleSettings.parse(settings), total);
const values = (settings: unknown, total: number, steps: readonly number[]): number[] =>
  steps.map((step) => Number(make(settings, total)(step).toFixed(12)));

describe("schedules, by hand", () => {
  test("constant after a warm-up of four steps: fifths", () => {
    expect(values({ name: "constant", warmup_steps: 4 }, 100, [0, 1, 2, 3, 4, 99])).toEqual([0.2, 0.4, 0.6, 0.8, 1, 1]);
  });

  test("cosine: half way down it is half way between full and final", () => {
    const cosine = { name: "cosine", warmup_steps: 10, final_ratio: 0.1 };
    expect(values(cosine, 110, [10, 60, 110, 1000])).toEqual([1, 0.55, 0.1, 0.1]);
    // a third of the way: cos 60° = 1/2
    expect(values({ name: "cosine", final_ratio: 0 }, 90, [30, 45, 60])).toEqual([0.75, 0.5, 0.25]);
  });

  test("linear", () => {
    const linear = { name: "linear", warmup_steps: 1, final_ratio: 0 };
    expect(values(linear, 5, [0, 1, 2, 3, 4, 5])).toEqual([0.5, 1, 0.75, 0.5, 0.25, 0]);
  });

  test("warm-up, stable, decay", () => {
    const wsd = { name: "wsd", warmup_steps: 1, decay_ratio: 0.4, final_ratio: 0 };
    expect(values(wsd, 10, [0, 1, 5, 6, 7, 8, 9, 10])).toEqual([0.5, 1, 1, 1, 0.75, 0.5, 0.25, 0]);
  });

  test("a run that is all warm-up never divides by zero", () => {
    for (const name of ["constant", "cosine", "linear", "wsd"]) {
      const schedule = make({ name, warmup_steps: 5 }, 5);
      for (let step = 0; step <= 5; step++) expect(Number.isFinite(schedule(step))).toBe(true);
    }
  });
});

test("a key of another schedule and a value out of range are refused", () => {
  expect(scheduleSettings.safeParse({ name: "constant", decay_ratio: 0.2 }).success).toBe(false);
  expect(scheduleSettings.safeParse({ name: "wsd", decay_ratio: 0 }).success).toBe(false);
  expect(scheduleSettings.safeParse({ name: "cosine", final_ratio: 1.5 }).success).toBe(false);
});
