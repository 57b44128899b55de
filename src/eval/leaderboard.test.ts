import { expect, test } from "vitest";
import type { TaskResult } from "./harness.ts";
import { centredMean, coreTasks, leaderboardMean } from "./leaderboard.ts";

const result = (task: string, metric: string, value: number, standardError: number): TaskResult => ({
  task,
  kind: "multiple_choice",
  metric,
  scores: { [metric]: { value, standardError, n: 100 } },
  fewShot: 0,
  items: 100,
  available: 100,
  files: [],
});

test("the leaderboard's mean, and its error, of all four tasks only", () => {
  const four = [
    result("arc_challenge", "acc_norm", 0.2, 0.03),
    result("hellaswag", "acc_norm", 0.3, 0.04),
    result("mmlu", "acc", 0.25, 0),
    result("truthfulqa_mc2", "mc2", 0.45, 0),
  ];
  // (0.2 + 0.3 + 0.25 + 0.45) / 4; √(0.03² + 0.04²) / 4 = 0.05 / 4
  expect(leaderboardMean(four)?.value).toBeCloseTo(0.3, 12);
  expect(leaderboardMean(four)?.standardError).toBeCloseTo(0.0125, 12);
  expect(leaderboardMean(four.slice(1))).toBeUndefined();
});

test("CORE's centred mean over the tasks that were run, the others by name", () => {
  const results = [
    result("piqa", "acc", 0.75, 0.02), // (0.75 − 0.5) / 0.5 = 0.5
    result("boolq", "acc", 0.62, 0.01), // 0
    result("lambada_openai", "acc", 0.4, 0), // 0.4
    result("gsm8k", "exact_match", 1, 0), // not one of CORE's
  ];
  const core = centredMean(results);
  expect(core?.tasks["piqa"]).toBeCloseTo(0.5, 12);
  expect(core?.tasks["boolq"]).toBeCloseTo(0, 12);
  expect(core?.value).toBeCloseTo(0.3, 12);
  // √((0.02/0.5)² + (0.01/0.38)²) / 3
  expect(core?.standardError).toBeCloseTo(Math.hypot(0.04, 0.01 / 0.38) / 3, 12);
  expect(core?.missing).toHaveLength(Object.keys(coreTasks).length - 3);
  expect(core?.missing).toContain("squad");
  expect(centredMean([result("gsm8k", "exact_match", 1, 0)])).toBeUndefined();
  expect(Object.keys(coreTasks)).toHaveLength(22);
});
