/**
 * Attention forward and backward against the peak of the same run, and PyTorch's scaled_dot_product_attention in turn
 * where `--python` names a Python that has it. FLOPs count what a causal query sees: 4·D an element forward, 10·D
 * backward. On a shared machine the ratios count.
 *
 * node dist/bench/attention.js [--threads N] [--seconds 1] [--python python3] [--bidirectional] [--json]
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createCpuDevice } from "../src/tensor/cpu/device.ts";
import { attention } from "../src/tensor/ops/index.ts";
import { PhiloxStream } from "../src/tensor/philox.ts";
import { Tape } from "../src/tensor/tape.ts";
import { Parameter } from "../src/tensor/tensor.ts";

const { values } = parseArgs({
  options: {
    threads: { type: "string" },
    seconds: { type: "string", default: "1" },
    python: { type: "string" },
    bidirectional: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);
const causal = !values.bidirectional;
const device = createCpuDevice(values.threads === undefined ? {} : { threads: Number(values.threads) });

/** B, T, H, D */
const shapes: readonly (readonly [B: number, T: number, H: number, D: number])[] = [
  [8, 256, 6, 64],
  [4, 512, 12, 64],
  [16, 128, 4, 32],
  [1, 8192, 8, 64],
];

/** Milliseconds of a forward and of a backward. */
type Times = readonly [forward: number, backward: number];

/** Asks bench/attention_peer.py for one measurement at a time, so that both sides take turns. */
class Peer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(python: string) {
    const script = fileURLToPath(new URL("../../bench/attention_peer.py", import.meta.url));
    this.#child = spawn(python, [script, String(device.threads)]);
    this.#child.stderr.pipe(process.stderr);
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  async measure(shape: readonly number[]): Promise<Times> {
    this.#child.stdin.write(`${shape.join(" ")} ${causal ? 1 : 0}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("the peer ended");
    const [forward = Number.NaN, backward = Number.NaN] = String(value).split(" ").map(Number);
    return [forward, backward];
  }

  close(): void {
    this.#child.stdin.end();
  }
}

function ours(shape: readonly [number, number, number, number]): { measure: () => Times; release: () => void } {
  const [B, T, H, D] = shape;
  const random = new PhiloxStream(1);
  const [q, k, v] = ["q", "k", "v"].map((name) => {
    const parameter = new Parameter(device, name, [B, T, H, D]);
    device.write(
      parameter.storage,
      Float32Array.from({ length: B * T * H * D }, () => random.uniform() - 0.5),
    );
    return parameter;
  });
  if (q === undefined || k === undefined || v === undefined) throw new Error("three were made");
  const arena = device.createArena();
  const measure = (): Times => {
    const tape = new Tape({ device, arena, recording: true, training: true });
    const start = performance.now();
    const y = attention(tape, q, k, v, { causal });
    const middle = performance.now();
    tape.backward(y);
    const end = performance.now();
    arena.reset();
    return [middle - start, end - middle];
  };
  const release = () => {
    arena.dispose();
    for (const parameter of [q, k, v]) parameter.release();
  };
  return { measure, release };
}

function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;
}

const peer = values.python === undefined ? undefined : new Peer(values.python);
const rows = [];
for (const shape of shapes) {
  const [B, T, H, D] = shape;
  const pairs = B * H * (causal ? (T * (T + 1)) / 2 : T * T);
  const flops = [4 * D * pairs, 10 * D * pairs] as const;
  const one = ours(shape);
  one.measure();
  await peer?.measure(shape);
  const found: { times: Times; peak: number; theirs: Times | undefined }[] = [];
  const end = performance.now() + seconds * 1000;
  do {
    const peak = device.measurePeakGflops(0.005);
    found.push({ times: one.measure(), peak, theirs: await peer?.measure(shape) });
  } while (performance.now() < end || found.length < 3);
  one.release();
  const figures = (which: 0 | 1) => {
    const rate = (ms: number) => flops[which] / ms / 1e6;
    return {
      gflops: Number(median(found.map(({ times }) => rate(times[which]))).toFixed(1)),
      best: Number(Math.max(...found.map(({ times }) => rate(times[which]))).toFixed(1)),
      share: Number(median(found.map(({ times, peak }) => rate(times[which]) / peak)).toFixed(3)),
      ratio: Number(
        median(found.map(({ times, theirs }) => (theirs?.[which] ?? Number.NaN) / times[which])).toFixed(2),
      ),
    };
  };
  rows.push({ pass: "forward", B, T, H, D, ...figures(0) }, { pass: "backward", B, T, H, D, ...figures(1) });
}
peer?.close();
const peak = Number(device.measurePeakGflops(0.2).toFixed(1));
const { instructionSet, threads } = device;
device.dispose();
if (values.json) process.stdout.write(`${JSON.stringify({ instructionSet, threads, causal, peak, rows })}\n`);
else {
  console.log(
    `${instructionSet}, ${threads} threads, peak ${peak} GFLOP/s, causal ${causal}; ratio: PyTorch's time / ours`,
  );
  console.table(rows);
}
