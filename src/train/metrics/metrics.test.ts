import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StepEvent } from "../events.ts";
import { MetricsLog, readMetrics } from "./metrics.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nuwa-metrics-"));
  path = join(folder, "new", "metrics.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true }));

function line(step: number): StepEvent {
  return { type: "step", step, loss: 1, lr: 1, grad_norm: 1, tokens: step, tokens_per_s: 1, elapsed_s: 1 };
}

function write(from: number, steps: readonly number[]): void {
  const log = MetricsLog.open(path, from);
  for (const step of steps) log.append(line(step));
  log.flush();
  log.close();
}

describe("MetricsLog", () => {
  it("writes a line a step, in folders that it makes", () => {
    write(-1, [1, 2, 3]);
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(4);
    expect(readMetrics(path)).toEqual([1, 2, 3].map(line));
  });

  it("drops lines after the checkpoint that a run goes on from, and a line cut short by a kill", () => {
    write(-1, [1, 2, 3, 4]);
    appendFileSync(path, '{"type":"step","step":2,"lo');
    write(2, [3]);
    expect(readMetrics(path).map(({ step }) => step)).toEqual([1, 2, 3]);
    expect(readFileSync(path, "utf8")).not.toContain('"lo\n');
  });

  it("starts anew from a run that never reached a checkpoint", () => {
    write(-1, [1, 2]);
    write(-1, [1]);
    expect(readMetrics(path).map(({ step }) => step)).toEqual([1]);
  });

  it("reads an absent file as no lines", () => {
    expect(readMetrics(join(folder, "none.jsonl"))).toEqual([]);
  });
});
