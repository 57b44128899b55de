/**
 * A recurrent layer, forward and backward, beside PyTorch's: round by round in turn, so that another program's load
 * touches both. Milliseconds a step, medians and minimums; `ratio` is of the medians, `cpuRatio` of processor time, which
 * on a busy machine says more (with one thread: two that wait for each other burn time).
 *
 *   npm run bench -- recurrent [--threads 2] [--rounds 15] [--kind lstm] [--python python3] [--json]
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { gru, lstm, Parameter, PhiloxStream, rnn, type RecurrentKind, Tape } from "../src/tensor/index.ts";
import { createCpuDevice } from "../src/tensor/cpu/device.ts";

const { values } = parseArgs({
  options: {
    threads: { type: "string", default: "2" },
    kind: { type: "string" },
    rounds: { type: "string", default: "15" },
    python: { type: "string", default: "python3" },
    json: { type: "boolean", default: false },
  },
});
const [threads, rounds] = [Number(values.threads), Number(values.rounds)];
const steps = 2;

interface Job {
  readonly kind: RecurrentKind;
  readonly B: number;
  readonly T: number;
  readonly I: number;
  readonly H: number;
}

const jobs: readonly Job[] = [
  { kind: "lstm", B: 32, T: 64, I: 256, H: 256 },
  { kind: "gru", B: 32, T: 64, I: 256, H: 256 },
  { kind: "rnn_tanh", B: 32, T: 64, I: 256, H: 256 },
];

const device = createCpuDevice({ threads });

/** One step of ours, and the floating-point operations of its products. */
function createStep(job: Job) {
  const { kind, B, T, I, H } = job;
  const gates = kind === "lstm" ? 4 : kind === "gru" ? 3 : 1;
  const random = new PhiloxStream(0);
  const parameter = (...shape: number[]) => {
    const made = new Parameter(device, "p", shape);
    device.write(
      made.storage,
      Float32Array.from({ length: made.length }, () => random.normal() / Math.sqrt(H)),
    );
    return made;
  };
  const x = parameter(B, T, I);
  const weights = {
    weightInput: parameter(gates * H, I),
    weightHidden: parameter(gates * H, H),
    biasInput: parameter(gates * H),
    biasHidden: parameter(gates * H),
  };
  const all = [x, ...Object.values(weights)];
  const dout = Float32Array.from({ length: B * T * H }, () => random.normal());
  const arena = device.createArena();
  const step = () => {
    const tape = new Tape({ device, arena, recording: true, training: true });
    const layer = kind === "lstm" ? lstm : kind === "gru" ? gru : rnn;
    const { output } = layer(tape, x, weights);
    tape.backward(output, dout);
    for (const one of all) one.gradReady = false;
    arena.reset();
  };
  const release = () => {
    for (const one of all) one.release();
    arena.dispose();
  };
  return { step, release, flops: 3 * 2 * B * T * gates * H * (I + H) };
}

/** It lies beside this source; a compiled one finds it from the package's root. */
function peerScript(): string {
  const places = [".", "../../bench"].map((folder) => join(import.meta.dirname, folder, "recurrent_peer.py"));
  const found = places.find((path) => existsSync(path));
  if (found === undefined) throw new Error("bench/recurrent_peer.py is missing");
  return found;
}

/** PyTorch in another process: a call runs one round there. Undefined when it does not start. */
async function startPeer(job: Job) {
  const child = spawn(values.python, [peerScript()], { stdio: ["pipe", "pipe", "ignore"] });
  child.on("error", () => {});
  child.stdin.on("error", () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  child.stdin.write(`${JSON.stringify({ ...job, threads, steps })}\n`);
  const first = await lines.next();
  if (first.done === true) return undefined;
  return {
    round: async () => {
      child.stdin.write("\n");
      const [wall = Number.NaN, cpu = Number.NaN] = JSON.parse(String((await lines.next()).value)) as number[];
      return { wall, cpu };
    },
    stop: () => child.stdin.end(),
  };
}

function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;
}

const rows = [];
for (const job of jobs.filter(({ kind }) => values.kind === undefined || kind === values.kind)) {
  const { step, release, flops } = createStep(job);
  const peer = await startPeer(job);
  if (peer === undefined) console.error(`${values.python} has no torch: ours alone (pip install torch, or --python)`);
  step();
  step();
  const [ours, theirs, cpu, theirCpu]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let round = 0; round < rounds; round++) {
    const [start, used] = [performance.now(), process.cpuUsage()];
    for (let i = 0; i < steps; i++) step();
    ours.push((performance.now() - start) / steps);
    const { user, system } = process.cpuUsage(used);
    cpu.push((user + system) / 1000 / steps);
    const answer = await peer?.round();
    if (answer === undefined) continue;
    theirs.push(answer.wall);
    theirCpu.push(answer.cpu);
  }
  peer?.stop();
  release();
  const rounded = (value: number) => Number(value.toFixed(2));
  const row = {
    ...job,
    ms: rounded(median(ours)),
    best: rounded(Math.min(...ours)),
    cpu: rounded(median(cpu)),
    gflops: rounded(flops / (Math.min(...ours) * 1e6)),
    ...(peer && {
      torch: rounded(median(theirs)),
      torchBest: rounded(Math.min(...theirs)),
      torchCpu: rounded(median(theirCpu)),
      ratio: rounded(median(theirs) / median(ours)),
      cpuRatio: rounded(median(theirCpu) / median(cpu)),
    }),
  };
  rows.push(row);
  process.stderr.write(`${JSON.stringify(row)}\n`);
}
const peak = Number(device.measurePeakGflops(0.2).toFixed(1));
const { instructionSet } = device;
device.dispose();
if (values.json) process.stdout.write(`${JSON.stringify({ instructionSet, threads, peak, rows })}\n`);
else {
  console.log(`${instructionSet}, ${threads} threads, peak ${peak} GFLOP/s`);
  console.table(rows);
}
