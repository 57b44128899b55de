import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { formatProfile, type Precision } from "../../src/tensor/index.ts";
import { didYouMean, NuwaError } from "../../src/text/index.ts";
import type { OursResult, OursTask } from "./ours.ts";
import { findPeer, type PeerRun, runPeer, type Variant, variants } from "./peer.ts";
import { defaultSteps, parseShapes, type Shape } from "./shapes.ts";

export interface BenchTrainOptions {
  /** R0, R1, R2, several with commas, or all. */
  readonly shape: string;
  /** Steps of a round that count; by default as many as take some seconds. */
  readonly steps?: number | undefined;
  readonly threads?: number | undefined;
  /** How many times ours and each variant of the peer are run, in turn. */
  readonly rounds: number;
  readonly precision: string;
  readonly peer: boolean;
  readonly profile: boolean;
  /** Ours with activation checkpointing. Default false. */
  readonly checkpointing?: boolean | undefined;
  /** Tokens in a sequence and sequences in a batch, in place of the shape's own. */
  readonly context?: number | undefined;
  readonly batch?: number | undefined;
}

export interface VariantResult {
  readonly variant: Variant;
  /** Null when it was given up. */
  readonly tokens_per_s: number | null;
  readonly peak_rss_mb: number;
  readonly note?: string;
}

export interface BenchTrainResult {
  readonly shape: string;
  readonly precision: string;
  readonly device: string;
  readonly threads: number;
  readonly parameters: number;
  readonly tokens_per_s: number;
  readonly ms_per_step: number;
  readonly gflops: number;
  /** What the threads reach in registers alone, in the same run. */
  readonly peak_gflops: number;
  readonly peak_share: number | null;
  readonly peak_rss_mb: number;
  /** Resident before the model was made. */
  readonly base_rss_mb: number;
  /** What the meta device says that comes on top of that. */
  readonly predicted_mb: number;
  readonly peer: {
    readonly name: string;
    readonly best: Variant;
    readonly tokens_per_s: number;
    /** Of the fastest variant. */
    readonly peak_rss_mb: number;
    readonly variants: readonly VariantResult[];
  } | null;
  /** Our tokens per second over the peer's best. */
  readonly ratio: number | null;
  /** Our peak memory over that of the peer's fastest variant. */
  readonly memory_ratio: number | null;
}

/** A step slower than the peer's float32 step by more than this is not waited for. */
const PATIENCE = 8;

/**
 * Tokens per second and memory of whole training steps, beside PyTorch where it is installed. Ours and each of the
 * peer's variants run in turn, round after round, each in a process of its own; medians over all steps count.
 *
 * @param say progress, for stderr
 * @throws NuwaError USAGE for wrong options
 */
export async function benchTrain(
  options: BenchTrainOptions,
  say: (line: string) => void,
): Promise<readonly BenchTrainResult[]> {
  const chosen = parseShapes(options.shape);
  const precision = (["float32", "bfloat16"] as const).find((name) => name === options.precision);
  if (precision === undefined) {
    throw new NuwaError("USAGE", `expected float32 or bfloat16, got "${options.precision}"`, {
      where: "--precision",
      hint: didYouMean(options.precision, ["float32", "bfloat16"]),
    });
  }
  const threads = options.threads ?? availableParallelism();
  let withPeer = options.peer && !options.profile;
  if (withPeer) {
    const { available, message } = findPeer();
    say(available ? `peer: PyTorch ${message}` : message);
    withPeer = available;
  }
  const results: BenchTrainResult[] = [];
  const sizes = { ...(options.context && { T: options.context }), ...(options.batch && { batch: options.batch }) };
  for (const shape of chosen.map((one) => ({ ...one, ...sizes }))) {
    const steps = options.steps ?? defaultSteps[shape.name] ?? 5;
    results.push(await benchShape(shape, { ...options, precision, steps, threads, withPeer }, say));
  }
  return results;
}

async function benchShape(
  shape: Shape,
  options: BenchTrainOptions & { precision: Precision; steps: number; threads: number; withPeer: boolean },
  say: (line: string) => void,
): Promise<BenchTrainResult> {
  const { steps, threads, rounds, profile, precision, checkpointing = false } = options;
  const perStep = shape.batch * shape.T;
  const ours: OursResult[] = [];
  const peers = new Map<Variant, PeerRun[]>();
  for (let round = 0; round < (profile ? 1 : rounds); round++) {
    const one = await runOurs({ shape, steps, threads, precision, profile, checkpointing });
    ours.push(one);
    say(`${shape.name} round ${round + 1}: ours ${rate(perStep, one.seconds)} tokens/s`);
    if (one.profile !== undefined) say(formatProfile(one.profile, steps));
    if (!options.withPeer) continue;
    for (const variant of variants) {
      const runs = peers.get(variant) ?? [];
      peers.set(variant, runs);
      if (runs.some(({ note }) => note !== undefined)) continue;
      const slow = variant === "compile-bfloat16" && peers.get("eager-bfloat16")?.find((run) => run.note !== undefined);
      if (slow) {
        // It would compile for minutes on one thread, to call the same products.
        runs.push({ ...slow, seconds: [], note: "not run: eager-bfloat16 was given up" });
        continue;
      }
      const float32 = peers.get("eager-float32")?.flatMap(({ seconds }) => seconds) ?? [];
      const patience = float32.length === 0 ? undefined : Math.max(5, PATIENCE * median(float32));
      const run = await runPeer(variant, { shape, steps, threads, patience });
      const note = run.note && `${run.note}: more than ${PATIENCE} times slower than eager-float32`;
      runs.push({ ...run, note });
      say(`${shape.name} round ${round + 1}: ${variant} ${note ?? `${rate(perStep, run.seconds)} tokens/s`}`);
    }
  }
  return summarize(shape, options, ours, peers);
}

function rate(tokens: number, seconds: readonly number[]): string {
  return Math.round(tokens / median(seconds)).toLocaleString("en-US");
}

/** What all rounds come to. */
export function summarize(
  shape: Shape,
  { threads, precision }: { readonly threads: number; readonly precision: string },
  ours: readonly OursResult[],
  peers: ReadonlyMap<Variant, readonly PeerRun[]>,
): BenchTrainResult {
  const tokens = shape.batch * shape.T;
  const [first] = ours;
  if (first === undefined) throw new NuwaError("VALUE", "expected at least one round");
  const time = median(ours.flatMap(({ seconds }) => seconds));
  const peak = median(ours.flatMap(({ peakGflops }) => peakGflops));
  const gflops = first.flops / time / 1e9;
  const rss = Math.max(...ours.map(({ peakRssMb }) => peakRssMb));
  const perSecond = tokens / time;

  const all = [...peers].map(([variant, runs]): VariantResult => {
    const seconds = runs.flatMap((run) => run.seconds);
    const note = runs.find((run) => run.note !== undefined)?.note;
    return {
      variant,
      tokens_per_s: seconds.length === 0 ? null : round(tokens / median(seconds)),
      peak_rss_mb: Math.round(Math.max(0, ...runs.map(({ peakRssMb }) => peakRssMb))),
      ...(note !== undefined && { note }),
    };
  });
  const [best] = all.toSorted((a, b) => (b.tokens_per_s ?? 0) - (a.tokens_per_s ?? 0));
  const version = [...peers.values()].flat().find((run) => run.version !== "")?.version ?? "";
  const fastest = best?.tokens_per_s ?? null;
  const peer =
    best === undefined || fastest === null
      ? null
      : {
          name: `PyTorch ${version}`,
          best: best.variant,
          tokens_per_s: fastest,
          peak_rss_mb: best.peak_rss_mb,
          variants: all,
        };
  return {
    shape: shape.name,
    precision,
    device: `${first.device}${first.instructionSet === "" ? "" : ` ${first.instructionSet}`}`,
    threads,
    parameters: first.parameters,
    tokens_per_s: round(perSecond),
    ms_per_step: round(time * 1000),
    gflops: round(gflops),
    peak_gflops: peak > 0 ? round(peak) : 0,
    peak_share: peak > 0 ? round(gflops / peak) : null,
    peak_rss_mb: Math.round(rss),
    base_rss_mb: Math.round(first.baseRssMb),
    predicted_mb: Math.round(first.predictedMb),
    peer,
    ratio: peer === null ? null : round(perSecond / peer.tokens_per_s),
    memory_ratio: peer === null ? null : round(rss / peer.peak_rss_mb),
  };
}

/** Four digits are more than a shared machine can tell. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}

async function runOurs(task: OursTask): Promise<OursResult> {
  const child = fileURLToPath(new URL(`./child${import.meta.url.slice(-3)}`, import.meta.url));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [child, JSON.stringify(task)], {
      maxBuffer: 2 ** 26,
    });
    return JSON.parse(stdout) as OursResult;
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr) : "";
    const line = said.split("\n").find((text) => /Error/.test(text)) ?? String(error);
    throw new NuwaError("DEVICE", `the measurement of ${task.shape.name} failed: ${line.trim()}`, { cause: error });
  }
}
