import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { families } from "../../models/index.ts";
import { NuwaError, type JsonValue } from "../../text/index.ts";
import { hashValue } from "../../io/hash.ts";
import { localExecutor } from "../executors/local.ts";
import { Manifest } from "../manifest/manifest.ts";
import { Progress } from "../progress.ts";
import { RunDirectory } from "../manifest/run-directory.ts";
import { differences, runStages, type RunnerOptions } from "./runner.ts";
import { Interrupted } from "../interrupted.ts";
import type { Stage, StageContext } from "./stage.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "nuwa-runner-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function context(signal = new AbortController().signal): StageContext {
  const directory = new RunDirectory(root);
  const make = () => ({ name: "t", nuwa: "0", node: "0", machine: {} });
  return {
    directory,
    manifest: Manifest.open(directory.manifest, make),
    progress: new Progress({ quiet: true }),
    signal,
    threads: 1,
    families,
    executor: localExecutor.create({ threads: 1 }),
    cwd: root,
  };
}

/** Stages that only note that they ran; `output` says what they would have written. */
function chain(runs: string[]) {
  const stage = (
    name: string,
    after: string[],
    settings: Record<string, JsonValue>,
    more: Partial<Stage> = {},
  ): Stage => ({
    name,
    version: 1,
    settings,
    after,
    outputs: [],
    precious: false,
    isWhole: () => true,
    run: async () => {
      runs.push(name);
      return { output: hashValue([name, settings]), summary: {} };
    },
    ...more,
  });
  return { stage };
}

async function run(stages: Stage[], options?: RunnerOptions): Promise<void> {
  await runStages(stages, context(), options);
}

describe("what is run again", () => {
  test("nothing, when nothing changed", async () => {
    const runs: string[] = [];
    const { stage } = chain(runs);
    const stages = [stage("a", [], { x: 1 }), stage("b", ["a"], {})];
    await run(stages);
    await run(stages);
    expect(runs).toEqual(["a", "b"]);
  });

  test("what changed, and what reads its output", async () => {
    const runs: string[] = [];
    const { stage } = chain(runs);
    await run([stage("a", [], { x: 1 }), stage("b", ["a"], {}), stage("c", [], {})]);
    runs.length = 0;
    await run([stage("a", [], { x: 2 }), stage("b", ["a"], {}), stage("c", [], {})]);
    expect(runs).toEqual(["a", "b"]);
  });

  test("not what reads an output that came out the same", async () => {
    const runs: string[] = [];
    const { stage } = chain(runs);
    const same = { run: async () => (runs.push("a"), { output: "same", summary: {} }) };
    await run([stage("a", [], { x: 1 }, same), stage("b", ["a"], {})]);
    runs.length = 0;
    await run([stage("a", [], { x: 2 }, same), stage("b", ["a"], {})]);
    expect(runs).toEqual(["a"]);
  });

  test("what reads files from outside that changed", async () => {
    const runs: string[] = [];
    const { stage } = chain(runs);
    let files = "1";
    const stages = [stage("a", [], {}, { outside: async () => ({ files }) })];
    await run(stages);
    await run(stages);
    files = "2";
    await run(stages);
    expect(runs).toEqual(["a", "a"]);
  });

  test("what somebody deleted, and what is asked for", async () => {
    const runs: string[] = [];
    const { stage } = chain(runs);
    let whole = true;
    const stages = [stage("a", [], {}, { isWhole: () => whole })];
    await run(stages);
    whole = false;
    await run(stages);
    whole = true;
    await run(stages, { redo: "a" });
    expect(runs).toEqual(["a", "a", "a"]);
  });

  test("another version of the code", async () => {
    const runs: string[] = [];
    const { stage } = chain(runs);
    await run([stage("a", [], {})]);
    await run([stage("a", [], {}, { version: 2 })]);
    expect(runs).toEqual(["a", "a"]);
  });

  test("an interrupted stage goes on and is not started anew", async () => {
    const { stage } = chain([]);
    const attempts: number[] = [];
    const stages = (stop: boolean) => [
      stage(
        "a",
        [],
        {},
        {
          run: async ({ manifest }) => {
            attempts.push(manifest.stage("a")?.seconds ?? -1);
            if (stop) throw new Interrupted();
            return { output: "x", summary: {} };
          },
        },
      ),
    ];
    await expect(run(stages(true))).rejects.toThrow(Interrupted);
    await run(stages(false));
    expect(attempts[0]).toBe(0);
    // The time of the first attempt is kept.
    expect(attempts[1]).toBeGreaterThan(0);
  });

  test("until a stage, and no further", async () => {
    const runs: string[] = [];
    const { stage } = chain(runs);
    await run([stage("a", [], {}), stage("b", ["a"], {})], { until: "a" });
    expect(runs).toEqual(["a"]);
    await expect(run([stage("a", [], {})], { until: "z" })).rejects.toThrow('no stage "z"');
  });
});

describe("checkpoints", () => {
  test("made with other settings are refused, naming the keys, before anything is run", async () => {
    const runs: string[] = [];
    const { stage } = chain(runs);
    const stages = (x: number, steps: number) => [
      stage("a", [], { x }),
      stage("train", ["a"], { steps, optimizer: { lr: 0.1 } }, { precious: true }),
    ];
    await run(stages(1, 100));
    runs.length = 0;
    const error = await run(stages(2, 200)).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(NuwaError);
    expect((error as NuwaError).toLine()).toMatch(
      /"train" here was trained with other settings: train\.steps 100 → 200 \(--fresh /,
    );
    expect(runs).toEqual([]);
    await run(stages(2, 200), { fresh: true });
    expect(runs).toEqual(["a", "train"]);
  });

  test("made with other data are refused too", async () => {
    const { stage } = chain([]);
    const stages = (x: number) => [stage("a", [], { x }), stage("train", ["a"], {}, { precious: true })];
    await run(stages(1));
    await expect(run(stages(2))).rejects.toThrow('its input "a" changed');
  });
});

test("what cannot succeed is refused before anything is run, unless it is not asked for or done", async () => {
  const runs: string[] = [];
  const { stage } = chain(runs);
  let feasible = false;
  const stages = [
    stage("a", [], {}),
    stage(
      "b",
      ["a"],
      {},
      {
        requireFeasible: () => {
          if (!feasible) throw new NuwaError("MEMORY", "too large");
        },
      },
    ),
  ];
  await expect(run(stages)).rejects.toThrow("too large");
  expect(runs).toEqual([]);
  await run(stages, { until: "a" });
  expect(runs).toEqual(["a"]);
  feasible = true;
  await run(stages);
  feasible = false;
  await run(stages);
  expect(runs).toEqual(["a", "b"]);
});

test("differences are named leaf by leaf", () => {
  expect(differences({ a: 1, b: { c: [1], d: 2 } }, { a: 1, b: { c: [2], e: 3 } }, "p")).toEqual([
    "p.b.c [1] → [2]",
    "p.b.d 2 → (not set)",
    "p.b.e (not set) → 3",
  ]);
});

test("after an abort no stage is begun", async () => {
  const runs: string[] = [];
  const { stage } = chain(runs);
  const controller = new AbortController();
  controller.abort();
  await expect(runStages([stage("a", [], {})], context(controller.signal))).rejects.toThrow(Interrupted);
  expect(runs).toEqual([]);
});
