import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { killedAfter } from "../../test/helpers/killed-after.ts";
import { NuwaError } from "../text/errors.ts";
import type { DoneEvent, TrainEvent } from "./events.ts";
import { readMetrics } from "./metrics/metrics.ts";
import { pretrainSettings } from "./objectives/next-token.ts";
import { runTraining } from "./run.ts";
import { makeJob, type PretrainJob } from "./test-job.ts";
import { workerPath } from "./worker/host.ts";

const roots: string[] = [];
afterEach(async () => {
  for (const root of roots.splice(0)) await rm(root, { recursive: true, force: true });
});

const optimizer = { name: "adamw", learning_rate: 0.01 };

async function job(settings: Readonly<Record<string, unknown>> = {}): Promise<PretrainJob> {
  const small = { steps: 6, checkpoint_every: 2, eval_every: 3, keep: 1, dropout: 0.1, optimizer };
  const made = await makeJob({ ...small, ...settings });
  roots.push(made.root);
  return made.job;
}

function changed(first: PretrainJob, settings: Readonly<Record<string, unknown>>, folder = "run"): PretrainJob {
  return {
    ...first,
    directory: join(first.directory, "..", folder),
    settings: pretrainSettings.parse({ ...first.settings, ...settings }),
  };
}

async function run(trainJob: PretrainJob, stopAfter = Infinity): Promise<DoneEvent & { started: TrainEvent }> {
  const events: TrainEvent[] = [];
  const control = {
    get stopRequested() {
      return events.some((event) => event.type === "step" && event.step >= stopAfter);
    },
  };
  const done = await runTraining(trainJob, (event) => events.push(event), control);
  const started = events.find(({ type }) => type === "started");
  if (started === undefined) throw new Error("expected the run to say that it starts");
  return { ...done, started };
}

/** In a process of its own, which is killed right before its n-th change on the disk. */
async function killedRun(trainJob: PretrainJob, operations: number): Promise<void> {
  const built = pathToFileURL(join(dirname(workerPath()), "..", "run.js")).href;
  const code = `
    const { runTraining } = await import(${JSON.stringify(built)});
    await runTraining(${JSON.stringify(trainJob)}, () => undefined);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
    stdio: "ignore",
    env: { ...process.env, ...killedAfter(operations) },
  });
  expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
}

const bytes = (checkpoint: string): Promise<Buffer[]> =>
  Promise.all(["model.safetensors", "state.safetensors"].map((file) => readFile(join(checkpoint, file))));

async function failure(promise: Promise<unknown>): Promise<NuwaError> {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  if (error instanceof NuwaError) return error;
  throw new Error(`expected a NuwaError, got ${String(error)}`);
}

describe("a finished run", () => {
  it("is lengthened twice, to the same bytes whether it is killed meanwhile or not", { timeout: 120_000 }, async () => {
    const first = await job();
    await run(first);
    const twice = await run(changed(first, { steps: 12 }));
    expect(twice).toMatchObject({ step: 12, stopped: false, started: { steps: 12, resumed_from: 6 } });
    const whole = await run(changed(first, { steps: 18 }));
    expect(whole.started).toMatchObject({ resumed_from: 12, lengthened: { from: 12 } });

    await run(changed(first, {}, "killed"));
    for (const [steps, moments] of [
      [12, [9, 35]],
      [18, [4, 50]],
    ] as const) {
      const longer = changed(first, { steps }, "killed");
      for (const moment of moments) await killedRun(longer, moment);
      await run(longer);
    }
    const last = join(first.directory, "..", "killed", "checkpoints", "step-000018");
    expect(await bytes(last)).toEqual(await bytes(whole.checkpoint));
    const steps = readMetrics(join(first.directory, "metrics.jsonl")).filter(({ type }) => type === "step");
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 18 }, (_, i) => i + 1));
    // The rate has gone up again, which a run of 18 steps from the start does not do.
    const fresh = await run(changed(first, { steps: 18 }, "fresh"));
    expect(await bytes(fresh.checkpoint)).not.toEqual(await bytes(whole.checkpoint));
  });

  it.each([
    // Half a cosine from step 2: 0.01 · (0.1 + 0.9 · (1 + cos 0.75π)/2) before, cos 0.4π and cos 0.9π now.
    [
      { name: "cosine", warmup_steps: 2 },
      "the warm-up is over, the cosine decay spans all 12 steps now, and the learning rate goes from 0.00232 to " +
        "0.00689 at step 7, 0.00122 at the end",
    ],
    [{ name: "constant", warmup_steps: 2 }, "the warm-up is over, and the learning rate stays at 0.01"],
    // 6/11 and 7/11 of the rate, then all of it.
    [
      { name: "constant", warmup_steps: 10 },
      "the warm-up goes on, and the learning rate goes from 0.00545 to 0.00636 at step 7, 0.01 at the end",
    ],
  ])("says what the schedule does then: %o", async (schedule, said) => {
    const first = await job({ schedule });
    await run(first);
    const { started } = await run(changed(first, { steps: 12 }));
    expect(started).toMatchObject({ lengthened: { from: 6, schedule: said } });
  });

  it("is lengthened in another unit: as many steps as it had are no change", async () => {
    const first = await job();
    const one = await run(first);
    // 64 tokens a step
    const { started, checkpoint } = await run(changed(first, { steps: undefined, tokens: 6 * 64 }));
    expect(started).not.toHaveProperty("lengthened");
    expect(checkpoint).toBe(one.checkpoint);
    expect(await run(changed(first, { steps: undefined, tokens: 7 * 64 }))).toMatchObject({ step: 7 });
  });

  it("is refused when it is not finished, would be shorter, or changes otherwise too", async () => {
    const first = await job();
    await run(first, 3);
    expect((await failure(run(changed(first, { steps: 12 })))).message).toBe(
      "this run is at step 3 of 6; it can be lengthened to 12 once it is finished",
    );
    await run(first);
    expect((await failure(run(changed(first, { steps: 5 })))).message).toBe(
      "this run has a length of 6 steps, and cannot be shortened to 5",
    );
    expect((await failure(run(changed(first, { steps: 12, clip: 2 })))).message).toMatch(
      /with other settings: clip \(1 before, 2 now\), steps \(6 before, 12 now\)$/,
    );
  });

  it("of a stage that there is not is refused by name", async () => {
    const first = await job();
    expect(await failure(runTraining({ ...first, stage: "pretain" }, () => undefined))).toMatchObject({
      code: "VALUE",
      message: 'unknown training stage "pretain"',
      hint: 'did you mean "pretrain"?',
    });
  });
});
