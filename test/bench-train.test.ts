import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { measureOurs } from "../bench/train/ours.ts";
import { findPeer, runPeer } from "../bench/train/peer.ts";
import { parseShapes, type Shape } from "../bench/train/shapes.ts";
import { resultTable, variantTable } from "../bench/train/table.ts";
import { median, summarize } from "../bench/train/train.ts";
import { nuwa } from "../src/run/test-cli.ts";

const tiny: Shape = { name: "tiny", layers: 1, heads: 2, width: 8, T: 8, batch: 2, vocabulary: 32 };
const folder = mkdtempSync(join(tmpdir(), "nuwa-bench-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
});

/** Puts a shell script in python3's place. */
function fakePython(body: string): void {
  const file = join(folder, "python3");
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  vi.stubEnv("PATH", `${folder}:/usr/bin:/bin`);
}

const step = (seconds: number): string => `echo '{"seconds": ${seconds}, "peak_rss_mb": 512.4}'`;
const task = { shape: tiny, steps: 2, threads: 1, patience: 1 };

test("parseShapes: names in any case, several, all, and the nearest name for a wrong one", () => {
  expect(parseShapes("r1,R0").map(({ name }) => name)).toEqual(["R1", "R0"]);
  expect(parseShapes("all")).toHaveLength(3);
  expect(() => parseShapes("R3")).toThrow('expected one of R0, R1, R2, all, got "R3"');
});

test("measureOurs: every step timed, memory from small to large", async () => {
  const result = await measureOurs({
    shape: tiny,
    steps: 2,
    threads: 1,
    precision: "float32",
    profile: false,
    checkpointing: false,
  });
  expect(result.seconds).toHaveLength(2);
  expect(result.parameters).toBe(32 * 8 + 8 * 8 + (12 * 64 + 13 * 8) + 2 * 8); // GPT-2's count, tied head
  expect(result.flops).toBeGreaterThan(6 * 12 * 64 * 16);
  expect(result.peakRssMb).toBeGreaterThan(result.predictedMb);
  const { profile } = await measureOurs({
    shape: tiny,
    steps: 3,
    threads: 1,
    precision: "bfloat16",
    profile: true,
    checkpointing: true,
  });
  expect(profile?.kernels.find(({ kernel }) => kernel === "attention")?.calls).toBe(6); // again in backward
});

describe("the peer", () => {
  test("is found with its version, or how to get it is said", () => {
    fakePython("echo 2.13.0");
    expect(findPeer()).toEqual({ available: true, message: "2.13.0" });
    fakePython("echo ModuleNotFoundError >&2; exit 1");
    expect(findPeer().message).toContain("cannot import torch. To compare with PyTorch: python3 -m venv");
    vi.stubEnv("PATH", "/nowhere");
    expect(findPeer().message).toContain("there is no python3 on the PATH");
  });

  test("leaves its two first steps out", async () => {
    fakePython(`echo '{"version": "2.13.0"}'; ${[9, 9, 0.5, 0.7].map(step).join("; ")}`);
    const run = await runPeer("eager-float32", task);
    expect(run).toEqual({ seconds: [0.5, 0.7], peakRssMb: 512.4, version: "2.13.0", note: undefined });
  });

  test("is given up when a step takes too long, but not while it compiles", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const patience = 20;
    /** Waits until the peer has done what leaves this file behind. */
    const appears = async (file: string): Promise<void> => {
      while (!existsSync(file)) await new Promise((resolve) => setImmediate(resolve));
    };
    const [stepped, compiling, go] = ["stepped", "compiling", "go"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    fakePython(`echo '{"version": "2"}'; ${step(0.1)}; touch ${stepped}; exec sleep 600`);
    const slow = runPeer("eager-bfloat16", { ...task, patience });
    await appears(stepped);
    // The line may be on its way: the clock goes on until it was read and waited for.
    const ticker = setInterval(() => vi.advanceTimersByTime(1000 * patience), 1);
    expect(await slow).toMatchObject({ seconds: [], note: "not run further" });
    clearInterval(ticker);

    const wait = `touch ${compiling}; while [ ! -e ${go} ]; do sleep 0.01; done`;
    fakePython(`echo '{"version": "2"}'; ${wait}; ${[9, 9, 1, 1].map(step).join("; ")}`);
    const compiled = runPeer("compile-float32", { ...task, patience });
    await appears(compiling);
    vi.advanceTimersByTime(10_000 * patience);
    writeFileSync(go, "");
    expect((await compiled).seconds).toEqual([1, 1]);
  });

  test("that fails is named, with its last words", async () => {
    fakePython("echo Traceback >&2; echo 'RuntimeError: no memory' >&2; exit 1");
    await expect(runPeer("eager-float32", task)).rejects.toThrow("(eager-float32) failed: RuntimeError: no memory");
  });
});

test("summarize: medians over all rounds, the fastest variant, shares and ratios", () => {
  const round = (seconds: number[], peakRssMb: number) => ({
    device: "cpu",
    instructionSet: "avx2",
    parameters: 7,
    flops: 8e9,
    seconds,
    peakGflops: [100, 100],
    peakRssMb,
    baseRssMb: 60,
    predictedMb: 200,
    profile: undefined,
  });
  const run = (seconds: number[], note?: string) => ({ seconds, peakRssMb: 500, version: "2.13.0", note });
  const shape = { ...tiny, T: 100, batch: 10 };
  const peers = new Map([
    ["eager-float32", [run([0.4]), run([0.4])]],
    ["compile-float32", [run([0.2]), run([0.3])]],
    ["eager-bfloat16", [run([], "not run further")]],
  ] as const);
  const result = summarize(
    shape,
    { threads: 2, precision: "float32" },
    [round([0.1, 0.3], 280), round([0.1], 300)],
    peers,
  );
  expect(result).toMatchObject({
    tokens_per_s: 10_000,
    gflops: 80,
    peak_share: 0.8,
    peak_rss_mb: 300,
    ratio: 2.5,
    memory_ratio: 0.6,
    peer: { name: "PyTorch 2.13.0", best: "compile-float32", tokens_per_s: 4000, peak_rss_mb: 500 },
  });
  expect(resultTable([result])[1]?.join(" ")).toBe("tiny 10,000 80 80 % 300 4,000 compile-float32 500 2.50 x 0.60 x");
  expect(variantTable([result])[2]).toEqual(["tiny PyTorch 2.13.0 eager-bfloat16", "not run further", ""]);
  const alone = summarize(shape, { threads: 2, precision: "float32" }, [round([0.1], 300)], new Map());
  expect([alone.peer, alone.ratio]).toEqual([null, null]);
  expect(median([3, 1, 2])).toBe(2);
});

test("wrong options of `nuwa bench train` are told in a line, with exit code 2", () => {
  for (const [options, words] of [
    [["--shape", "R9"], "expected one of R0, R1, R2, all"],
    [["--steps", "0"], "--steps: expected 1 or more"],
    [["--threads", "two"], '--threads: expected a whole number, got "two"'],
    [["--precision", "float16"], "--precision: expected float32"],
    [["--shapes", "R1"], 'did you mean "--shape"'],
  ] as const) {
    const { code, stderr } = nuwa(["bench", "train", ...options], folder);
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  }
  expect(nuwa(["bench", "train", "--help"], folder).stdout).toContain("nuwa bench train --shape R1");
});
