import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { fromErrorEvent, toErrorEvent } from "./error-message.ts";
import type { TrainEvent } from "../events.ts";
import { train, workerPath } from "./host.ts";
import { readMetrics } from "../metrics/metrics.ts";
import { runTraining } from "../run.ts";
import { pretrainSettings } from "../objectives/next-token.ts";
import { makeJob, type PretrainJob } from "../test-job.ts";
import { killedAfter } from "../../../test/helpers/killed-after.ts";

// Threads and child processes run compiled code only.
const worker = workerPath();

const roots: string[] = [];
afterEach(async () => {
  for (const root of roots.splice(0)) await rm(root, { recursive: true, force: true });
});

async function job(settings: Readonly<Record<string, unknown>>): Promise<PretrainJob> {
  const made = await makeJob(settings);
  roots.push(made.root);
  return made.job;
}

function into(first: PretrainJob, folder: string): PretrainJob {
  return { ...first, directory: join(first.directory, "..", folder) };
}

/** Hashes of weights and optimizer state. */
async function weights(checkpoint: string): Promise<readonly string[]> {
  const files = ["model.safetensors", "state.safetensors"].map((file) => readFile(join(checkpoint, file)));
  return (await Promise.all(files)).map((bytes) => createHash("sha256").update(bytes).digest("hex"));
}

async function collect(events: AsyncIterable<TrainEvent>): Promise<readonly TrainEvent[]> {
  const all: TrainEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe("training in a thread", () => {
  it("tells the same events as in this one, in order, and ends with the same bytes", async () => {
    const first = await job({ steps: 6, checkpoint_every: 3 });
    const here: TrainEvent[] = [];
    const done = await runTraining(into(first, "here"), (event) => here.push(event));
    const training = train(first);
    const there = await collect(training);
    expect(there.map(({ type }) => type)).toEqual([...here.map(({ type }) => type), "done"]);
    expect(await training.done).toEqual(there.at(-1));
    expect(await weights((await training.done).checkpoint)).toEqual(await weights(done.checkpoint));
  });

  it("finishes the step and writes a checkpoint when stopped, then goes on to the same bytes", async () => {
    const first = await job({ steps: 40, checkpoint_every: 0 });
    const whole = await runTraining(into(first, "whole"), () => undefined);
    const training = train(first);
    for await (const event of training) if (event.type === "step" && event.step === 3) void training.stop();
    const stopped = await training.done;
    expect(stopped.stopped).toBe(true);
    expect(stopped.step).toBeGreaterThanOrEqual(3);
    expect(stopped.step).toBeLessThan(40);
    expect(existsSync(join(stopped.checkpoint, "state.json"))).toBe(true);
    const rest = await train(first).done;
    expect(rest).toMatchObject({ step: 40, stopped: false });
    expect(await weights(rest.checkpoint)).toEqual(await weights(whole.checkpoint));
  });

  it("brings a NuwaError over with all its fields", async () => {
    const training = train(await job({ context: 5000 }));
    const thrown = await collect(training).catch((error: unknown) => error);
    expect(thrown).toMatchObject({
      name: "NuwaError",
      code: "DATA",
      message: expect.stringMatching(/fewer than the 5001/),
      hint: expect.any(String),
      where: expect.stringMatching(/train\.bin$/),
    });
    await expect(training.done).rejects.toBe(thrown);
    await training.stop(); // and this has ended
  });
});

describe("a process killed at any moment", () => {
  /** Runs a job in a process of its own, killed right before so many changes on the disk, if asked to. */
  async function inProcess(trainJob: PretrainJob, killAfter?: number): Promise<number | null> {
    const run = pathToFileURL(join(dirname(worker), "..", "run.js")).href;
    const code = `
      const { runTraining } = await import(${JSON.stringify(run)});
      await runTraining(${JSON.stringify(trainJob)}, (event) => process.stdout.write(event.type + "\\n"));`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, ...(killAfter === undefined ? {} : killedAfter(killAfter)) },
    });
    return new Promise((resolve) => child.on("exit", resolve));
  }

  it("goes on to the bytes of a process that was not", { timeout: 120_000 }, async () => {
    const first = await job({ steps: 60, checkpoint_every: 4, keep: 2, dropout: 0.1, eval_every: 10, threads: 2 });
    const whole = await runTraining(into(first, "whole"), () => undefined);
    // In the middle of a checkpoint, of the metrics, of what is tidied up at the start.
    const moments = Array.from({ length: 4 }, () => 1 + Math.floor(Math.random() * 60));
    for (const moment of moments) expect(await inProcess(first, moment), `killed after ${moment}`).toBeNull();
    expect(await inProcess(first), `after kills at ${JSON.stringify(moments)}`).toBe(0);
    const last = join(first.directory, "checkpoints", "step-000060");
    expect(await weights(last), `after kills at ${JSON.stringify(moments)}`).toEqual(await weights(whole.checkpoint));
    const steps = readMetrics(join(first.directory, "metrics.jsonl")).filter(({ type }) => type === "step");
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  });
});

describe("errors as messages", () => {
  it("keep the fields of a NuwaError, and the stack of any other", () => {
    const fault = new TypeError("a fault of ours");
    const back = fromErrorEvent(toErrorEvent(fault));
    expect(back.message).toBe(fault.message);
    expect(back.stack).toBe(fault.stack);
    expect(toErrorEvent("text")).toMatchObject({ type: "error", message: "text", unexpected: true });
  });
});

it("settings that a job carries survive the way to a thread", () => {
  const settings = pretrainSettings.parse({});
  expect(structuredClone(settings)).toEqual(settings);
});
