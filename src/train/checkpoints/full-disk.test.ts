import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { findResumable } from "./checkpoint.ts";
import type { TrainEvent } from "../events.ts";
import { runTraining } from "../run.ts";
import { makeJob } from "../test-job.ts";

/** A real file system of 256 KiB, where this user may make one; elsewhere a writer that fails stands in for it. */
const disk = mkdtempSync(join(tmpdir(), "nuwa-disk-"));
const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", disk]).status === 0;

afterAll(() => {
  if (mounted) spawnSync("umount", [disk]);
  rmSync(disk, { recursive: true });
});

describe.skipIf(!mounted)("a disk that fills while training (needs the right to mount a file system)", () => {
  let root: string;
  afterEach(() => rm(root, { recursive: true }));

  it("is one clear error; earlier checkpoints are whole, and training goes on from them once there is room", async () => {
    const made = await makeJob({ checkpoint_every: 1, keep: 100, steps: 100 });
    root = made.root;
    const job = { ...made.job, directory: join(disk, "run") };
    const ballast = join(disk, "ballast");
    writeFileSync(ballast, Buffer.alloc(100 * 1024));
    const events: TrainEvent[] = [];
    const error: unknown = await runTraining(job, (event) => events.push(event)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "NuwaError", code: "FILE", message: expect.stringMatching(/disk is full/) });
    const saved = events.filter((event) => event.type === "checkpoint");
    expect(saved.length).toBeGreaterThan(0);

    const warnings: string[] = [];
    const found = await findResumable(join(job.directory, "checkpoints"), (warning) => warnings.push(warning));
    expect(found?.state.step).toBe(saved.at(-1)?.step);
    expect(warnings).toEqual([]);

    rmSync(ballast);
    let steps = 0;
    const control = {
      get stopRequested() {
        return steps > 0;
      },
    };
    const done = await runTraining(job, (event) => (steps += event.type === "step" ? 1 : 0), control);
    expect(done.step).toBe((found?.state.step ?? 0) + 1);
  });
});
