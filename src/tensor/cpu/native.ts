import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { NuwaError, type NuwaErrorCode } from "../../text/errors.ts";

/** Threads, scratch memory and chosen kernels of one device, opaque here. */
export interface NativeContext {
  readonly nativeContext: unique symbol;
}

/** Memory outside the JavaScript heap, seen through `buffer` without a copy. */
export interface NativeMemory {
  readonly buffer: ArrayBuffer;
  /** Where it starts, on a cache line. */
  readonly address: number;
  /** Names the memory when it is given back. */
  readonly block: number;
}

type Context = NativeContext | undefined;
/** The address of a storage's first element; 0 stands for null. */
type Address = number;

/** NUWA_ATTENTION_PARAMETERS of native/cpu/kernels.h. */
export type AttentionArguments = [
  ...[q: Address, k: Address, v: Address, relative: Address, bias: Address, mask: Address, segments: Address],
  ...[B: number, T: number, S: number, capacity: number, H: number, K: number, D: number, left: number, right: number],
  ...[positions: number, maskBatch: number, maskHead: number, maskQuery: number, scale: number, p: number],
  ...[seed0: number, seed1: number, counter1: number, counter2: number, counter3: number],
];

/** What native/cpu/addon.cc and native/cpu/kernels.h export. Kernels take the context, then addresses and numbers. */
export interface NativeAddon {
  /** SHA-256 of the native/cpu/kernels.h that it was built from. */
  readonly kernelsHash: string;
  onError(raise: (code: NuwaErrorCode, message: string) => never): void;
  createContext(threads: number, instructionSet: string, bfloat16Products: boolean): NativeContext;
  describeContext(context: NativeContext): {
    instructionSet: string;
    vectorWidth: number;
    threads: number;
    /** What kernels hold for themselves now. */ scratchBytes: number;
  };
  stopContext(context: NativeContext): void;
  runnable(): string[];
  allocate(bytes: number, zeroed: boolean): NativeMemory | null;
  release(buffer: ArrayBuffer, block: number): void;
  measurePeak(context: NativeContext, seconds: number): number;

  fill(c: Context, x: Address, n: number, value: number): void;
  fillInt(c: Context, x: Address, n: number, value: number): void;
  copy(c: Context, out: Address, x: Address, bytes: number): void;
  axpby(c: Context, out: Address, a: Address, alpha: number, b: Address, beta: number, n: number): void;
  multiply(c: Context, out: Address, a: Address, b: Address, n: number, accumulate: boolean): void;
  activation(c: Context, out: Address, x: Address, n: number, kind: number): void;
  activationBackward(
    ...args: [c: Context, dx: Address, dout: Address, x: Address, n: number, kind: number, accumulate: boolean]
  ): void;
  gated(c: Context, out: Address, gate: Address, up: Address, n: number, kind: number): void;
  gatedBackward(
    ...args: [
      ...[c: Context, dgate: Address, dup: Address, dout: Address, gate: Address, up: Address],
      ...[n: number, kind: number],
    ]
  ): void;
  dropout(
    ...args: [
      ...[c: Context, out: Address, x: Address, n: number, p: number, seed0: number, seed1: number],
      ...[counter1: number, counter2: number, counter3: number, accumulate: boolean],
    ]
  ): void;
  sum(c: Context, out: Address, x: Address, n: number): void;
  sumOfSquares(c: Context, out: Address, x: Address, n: number): void;
  argmax(c: Context, out: Address, x: Address, rows: number, width: number): void;
  gemm(
    ...args: [
      ...[c: Context, out: Address, a: Address, b: Address, bias: Address, M: number, N: number, K: number],
      ...[transposeA: boolean, transposeB: boolean, accumulate: boolean],
    ]
  ): void;
  columnSum(c: Context, out: Address, x: Address, rows: number, width: number, accumulate: boolean): void;
  embedding(
    ...args: [c: Context, out: Address, table: Address, ids: Address, rows: number, width: number, vocabulary: number]
  ): void;
  embeddingBackward(
    ...args: [c: Context, dtable: Address, dout: Address, ids: Address, rows: number, width: number, vocabulary: number]
  ): void;
  layerNorm(
    ...args: [
      ...[c: Context, out: Address, mean: Address, rstd: Address, x: Address, weight: Address, bias: Address],
      ...[rows: number, width: number, epsilon: number],
    ]
  ): void;
  layerNormBackward(
    ...args: [
      ...[c: Context, dx: Address, dweight: Address, dbias: Address, dout: Address, x: Address, weight: Address],
      ...[mean: Address, rstd: Address, rows: number, width: number],
      ...[accumulateX: boolean, accumulateParameters: boolean],
    ]
  ): void;
  rmsNorm(
    ...args: [
      ...[c: Context, out: Address, rstd: Address, x: Address, weight: Address],
      ...[rows: number, width: number, epsilon: number],
    ]
  ): void;
  rmsNormBackward(
    ...args: [
      ...[c: Context, dx: Address, dweight: Address, dout: Address, x: Address, weight: Address, rstd: Address],
      ...[rows: number, width: number, accumulateX: boolean, accumulateParameters: boolean],
    ]
  ): void;
  rope(
    ...args: [
      ...[c: Context, out: Address, x: Address, table: Address, positions: Address, angles: number],
      ...[B: number, T: number, H: number, D: number, offset: number, inverse: boolean],
    ]
  ): void;
  attention(...args: [c: Context, out: Address, logSumExp: Address, ...inputs: AttentionArguments]): void;
  attentionStep(
    ...args: [
      ...[c: Context, out: Address, q: Address, k: Address, v: Address, keys: Address, values: Address],
      ...[positions: Address, table: Address, B: number, capacity: number, H: number, K: number, D: number],
      scale: number,
    ]
  ): void;
  attentionBackward(
    ...args: [
      ...[c: Context, dq: Address, dk: Address, dv: Address, drelative: Address, dout: Address, out: Address],
      ...[logSumExp: Address, ...inputs: AttentionArguments],
    ]
  ): void;
  crossEntropy(
    ...args: [
      ...[c: Context, losses: Address, logits: Address, targets: Address, weights: Address],
      ...[rows: number, vocabulary: number, wantsGradient: boolean, gradientScale: number],
      ...[labelSmoothing: number, zLoss: number],
    ]
  ): void;
  unary(c: Context, out: Address, x: Address, n: number, kind: number): void;
  unaryBackward(
    ...args: [c: Context, dx: Address, dout: Address, x: Address, n: number, kind: number, accumulate: boolean]
  ): void;
  softmax(c: Context, out: Address, x: Address, rows: number, width: number, logarithm: boolean): void;
  softmaxBackward(
    ...args: [
      ...[c: Context, dx: Address, dout: Address, out: Address, rows: number, width: number],
      ...[logarithm: boolean, accumulate: boolean],
    ]
  ): void;
  logSumExp(c: Context, out: Address, x: Address, rows: number, width: number): void;
  logSumExpBackward(
    ...args: [
      ...[c: Context, dx: Address, dout: Address, x: Address, out: Address, rows: number, width: number],
      ...[accumulate: boolean],
    ]
  ): void;
  copyBlocks(
    ...args: [
      ...[c: Context, out: Address, x: Address, count: number, length: number, outStride: number, xStride: number],
      ...[accumulate: boolean],
    ]
  ): void;
  swapAxes(
    ...args: [
      ...[c: Context, out: Address, x: Address, outer: number, first: number, middle: number, second: number],
      ...[inner: number],
    ]
  ): void;
  gather(
    ...args: [
      ...[c: Context, out: Address, x: Address, ids: Address, outer: number, size: number, picks: number],
      ...[inner: number],
    ]
  ): void;
  gatherBackward(
    ...args: [
      ...[c: Context, dx: Address, dout: Address, ids: Address, outer: number, size: number, picks: number],
      ...[inner: number],
    ]
  ): void;
  sumAxis(c: Context, out: Address, x: Address, outer: number, size: number, inner: number, scale: number): void;
  broadcastAxis(
    ...args: [
      ...[c: Context, out: Address, x: Address, outer: number, size: number, inner: number, scale: number],
      ...[accumulate: boolean],
    ]
  ): void;
  recurrent(
    ...args: [
      ...[c: Context, out: Address, gates: Address, memory: Address, hidden: Address, cell: Address],
      ...[weight: Address, bias: Address, B: number, T: number, H: number, kind: number],
    ]
  ): void;
  recurrentBackward(
    ...args: [
      ...[c: Context, gates: Address, hiddenGates: Address, dhidden: Address, dcell: Address, dout: Address],
      ...[dlastCell: Address, memory: Address, out: Address, hidden: Address, cell: Address, weight: Address],
      ...[B: number, T: number, H: number, kind: number],
    ]
  ): void;
  topK(c: Context, ids: Address, x: Address, rows: number, width: number, count: number): void;
  groupRows(
    ...args: [
      ...[c: Context, tokens: Address, position: Address, offsets: Address, shares: Address, ids: Address],
      ...[rows: number, choices: number, experts: number, capacity: number],
    ]
  ): void;
  combineRows(
    ...args: [
      ...[c: Context, out: Address, y: Address, weights: Address, position: Address, rows: number, choices: number],
      ...[width: number, accumulate: boolean],
    ]
  ): void;
  combineRowsBackward(
    ...args: [
      ...[c: Context, dy: Address, dweights: Address, dout: Address, y: Address, weights: Address],
      ...[position: Address, rows: number, choices: number, width: number],
    ]
  ): void;
  groupedGemm(
    ...args: [
      ...[c: Context, out: Address, a: Address, b: Address, offsets: Address, experts: number, inputs: number],
      ...[outputs: number, kind: number, accumulate: boolean],
    ]
  ): void;
  linearWeight(
    ...args: [
      ...[c: Context, out: Address, x: Address, weight: Address, kind: number, bias: Address],
      ...[rows: number, outputs: number, inputs: number],
    ]
  ): void;
  embeddingWeight(
    ...args: [
      ...[c: Context, out: Address, weight: Address, kind: number, ids: Address],
      ...[rows: number, width: number, vocabulary: number],
    ]
  ): void;
  packWeight(
    ...args: [
      ...[c: Context, weight: Address, kind: number, x: Address, first: number, count: number],
      ...[rows: number, width: number],
    ]
  ): void;
  unpackWeight(c: Context, out: Address, weight: Address, kind: number, rows: number, width: number): void;
  readThrough(c: Context, out: Address, x: Address, n: number): void;
  adamW(
    ...args: [
      ...[c: Context, parameter: Address, gradient: Address, m: Address, v: Address, scale: Address, n: number],
      ...[learningRate: number, beta1: number, beta2: number, epsilon: number, weightDecay: number, step: number],
    ]
  ): void;
  lion(
    ...args: [
      ...[c: Context, parameter: Address, gradient: Address, m: Address, scale: Address, n: number],
      ...[learningRate: number, beta1: number, beta2: number, weightDecay: number],
    ]
  ): void;
  sgd(
    ...args: [
      ...[c: Context, parameter: Address, gradient: Address, m: Address, scale: Address, n: number],
      ...[learningRate: number, momentum: number, weightDecay: number, nesterov: boolean, decoupled: boolean],
    ]
  ): void;
  nesterov(c: Context, momentum: Address, gradient: Address, scale: Address, n: number, beta: number): void;
  adafactor(
    ...args: [
      ...[c: Context, parameter: Address, gradient: Address, row: Address, column: Address, scale: Address],
      ...[matrices: number, rows: number, columns: number, learningRate: number, newShare: number],
      ...[epsilon1: number, epsilon2: number, clipThreshold: number, weightDecay: number, step: number],
    ]
  ): void;
  multiplyScalar(c: Context, out: Address, x: Address, factor: Address, n: number): void;
  normalize(c: Context, out: Address, x: Address, squares: Address, n: number, epsilon: number): void;
  applyUpdate(
    ...args: [c: Context, parameter: Address, update: Address, scale: Address, n: number, keep: number, rate: number]
  ): void;
  sampleToken(
    ...args: [
      ...[c: Context, id: Address, logprob: Address, logits: Address, width: number, history: Address, count: number],
      ...[temperature: number, k: number, p: number, minP: number, penalty: number, uniform: number],
    ]
  ): void;
  clipGradients(
    ...args: [
      c: Context,
      out: Address,
      values: Address,
      count: number,
      squares: Address,
      parts: number,
      maxNorm: number,
    ]
  ): void;
}

/** The package's root: the nearest folder above this file that holds native/cpu, both from src/ and from dist/src/. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    if (existsSync(join(folder, "package.json"))) return folder;
    const parent = dirname(folder);
    if (parent === folder) throw new NuwaError("DEVICE", "the package's own folder was not found");
    folder = parent;
  }
}

function explain(file: string, cause: unknown): string {
  const what = existsSync(file)
    ? `${file} does not load: ${cause instanceof Error ? cause.message : String(cause)}`
    : `${file} does not exist`;
  return [
    `the native kernels are not there: ${what}`,
    "Possible solutions:",
    "- install a C++ compiler (Debian, Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install)",
    "- build again, and read what the compiler says: npm run build:native",
    "- after a change of Node, system or processor architecture: rm -rf build && npm run build:native",
    '- do without: the device "reference" needs no compiler, and is slow',
  ].join("\n");
}

/** An addon of other sources takes other arguments: calling it would write somewhere. */
function requireSameKernels(addon: NativeAddon): void {
  const header = join(packageRoot(), "native", "cpu", "kernels.h");
  const hash = createHash("sha256").update(readFileSync(header)).digest("hex");
  if (addon.kernelsHash !== hash) throw new Error("it was built from other sources than these");
}

let loaded: NativeAddon | NuwaError | undefined;

/**
 * Loads build/nuwa_cpu.node, once in each thread.
 *
 * @throws NuwaError DEVICE, with a list of possible solutions
 */
export function loadNative(): NativeAddon {
  loaded ??= tryLoad();
  if (loaded instanceof NuwaError) throw loaded;
  return loaded;
}

function tryLoad(): NativeAddon | NuwaError {
  const file = join(packageRoot(), "build", "nuwa_cpu.node");
  try {
    // The addon is ours and its shape is the interface above: native/cpu/kernels.h is the other half.
    const addon = createRequire(import.meta.url)(file) as NativeAddon;
    requireSameKernels(addon);
    addon.onError((code, message) => {
      throw new NuwaError(code, message);
    });
    return addon;
  } catch (cause) {
    return new NuwaError("DEVICE", explain(file, cause), { cause });
  }
}
