/**
 * Matrix products against the peak of the same run, which a loop of multiply-adds in registers reaches. The ratio is
 * what counts: on a shared machine both figures move together.
 *
 * node dist/bench/gemm.js [--threads N] [--seconds 0.5] [--json]
 */
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { createCpuDevice } from "../src/tensor/cpu/device.ts";

const { values } = parseArgs({
  options: { threads: { type: "string" }, seconds: { type: "string", default: "0.5" }, json: { type: "boolean" } },
});
const seconds = Number(values.seconds);
const device = createCpuDevice(values.threads === undefined ? {} : { threads: Number(values.threads) });

/** M, N, K as in out (M, N) = A (M, K) · B (K, N); "linear" has B transposed, "dx" has neither, "dw" has A transposed. */
const shapes: readonly (readonly [kind: "linear" | "dx" | "dw", M: number, N: number, K: number])[] = [
  ["dx", 512, 512, 512],
  ["linear", 2048, 128, 128],
  ["linear", 2048, 512, 128],
  ["linear", 2048, 128, 512],
  ["dx", 2048, 128, 512],
  ["dw", 512, 128, 2048],
  ["dw", 128, 128, 2048],
  ["linear", 2048, 384, 1536],
  ["linear", 2048, 1536, 384],
  ["dx", 2048, 384, 1536],
  ["dw", 1536, 384, 2048],
  ["linear", 256, 4096, 384],
  ["linear", 768, 128, 128],
  ["linear", 1, 4096, 1024],
];

function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;
}

const rows = shapes.map(([kind, M, N, K]) => {
  const [a, b, out] = [M * K, K * N, M * N].map((length) => device.allocate("float32", length));
  if (a === undefined || b === undefined || out === undefined) throw new Error("three storages were allocated");
  device.fill(a, 0.5);
  device.fill(b, 0.25);
  const dims = { M, N, K, transposeA: kind === "dw", transposeB: kind === "linear", accumulate: false };
  const flops = 2 * M * N * K;
  const repeats = Math.max(1, Math.round(2e8 / flops));
  const [rates, shares]: [number[], number[]] = [[], []];
  const end = performance.now() + seconds * 1000;
  do {
    // Peak and product in turn, so that another program's load touches both.
    const peak = device.measurePeakGflops(0.003);
    const start = performance.now();
    for (let i = 0; i < repeats; i++) device.matmul(out, a, b, dims);
    const rate = (flops * repeats) / ((performance.now() - start) * 1e6);
    rates.push(rate);
    shares.push(rate / peak);
  } while (performance.now() < end);
  for (const storage of [a, b, out]) device.release(storage);
  const gflops = Number(median(rates).toFixed(1));
  return {
    kind,
    M,
    N,
    K,
    gflops,
    share: Number(median(shares).toFixed(3)),
    best: Number(Math.max(...rates).toFixed(1)),
  };
});
const peak = Number(device.measurePeakGflops(0.2).toFixed(1));
const { instructionSet, threads } = device;
device.dispose();
if (values.json) process.stdout.write(`${JSON.stringify({ instructionSet, threads, peak, rows })}\n`);
else {
  console.log(`${instructionSet}, ${threads} threads, peak ${peak} GFLOP/s`);
  console.table(rows);
}
