import { NuwaError } from "../text/errors.ts";
import { OffsetAllocator, type Placement } from "./arena.ts";
import { checkKernels } from "./checks.ts";
import type {
  Activation,
  Arena,
  AttentionDims,
  AttentionGradients,
  AttentionInputs,
  AttentionStepDims,
  CrossEntropyDims,
  Device,
  DeviceCapabilities,
  DropoutDims,
  DType,
  LinearDims,
  MatmulDims,
  NormDims,
  RecurrentDims,
  RopeDims,
  Storage,
  WeightDType,
} from "./device.ts";
import { gateCount } from "./kernels.ts";
import { notWhole } from "./storage.ts";
import { weightBytes } from "./weights.ts";
import { PackingScratch } from "./packing.ts";

/** What one kind of kernel would have cost. */
export interface KernelCount {
  readonly calls: number;
  /** Floating-point operations: a multiply-add is two. */
  readonly flops: number;
  /** Bytes of inputs read and outputs written, each once, as if from memory. */
  readonly bytes: number;
}

const BYTES = 4;

/** A length without memory. */
class MetaStorage implements Storage {
  readonly dtype: DType | WeightDType;
  readonly length: number;
  /** Whether it is an allocation, not a part of one or an arena's. */
  readonly isWhole: boolean;

  constructor(dtype: DType | WeightDType, length: number, isWhole = false) {
    this.dtype = dtype;
    this.length = length;
    this.isWhole = isWhole;
  }

  slice(start: number, length: number): MetaStorage {
    if (start < 0 || start + length > this.length) {
      throw new RangeError(`storage: slice ${start}..${start + length} of ${this.length} elements`);
    }
    return new MetaStorage(this.dtype, length);
  }
}

/** Places allocations exactly as the cpu device's arena does. */
class MetaArena implements Arena {
  readonly #allocator = new OffsetAllocator();
  readonly #placements = new Map<Storage, Placement>();

  allocate(dtype: DType, length: number): Storage {
    const storage = new MetaStorage(dtype, length);
    this.#placements.set(storage, this.#allocator.allocate(length * BYTES));
    return storage;
  }

  free(storage: Storage): void {
    const placement = this.#placements.get(storage);
    if (placement === undefined) throw new Error("arena: freed what is not allocated (freed twice?)");
    this.#placements.delete(storage);
    this.#allocator.free(placement);
  }

  reset(): void {
    this.#placements.clear();
    this.#allocator.reset();
  }

  dispose(): void {
    this.reset();
  }

  get peakBytes(): number {
    return this.#allocator.peakBytes;
  }

  get reservedBytes(): number {
    return this.#allocator.reservedBytes;
  }
}

/**
 * Shapes without numbers: a whole training step runs on it in milliseconds and tells what it would cost. Memory is
 * what the cpu device takes for the same calls; FLOPs count every multiply-add
 * of products and attention as two, and elementwise work with a small fixed cost per element.
 *
 * @example
 * const device = new MetaDevice();
 * trainingStep(device);
 * device.flops; // of one step
 * device.peakBytes; // parameters, gradients, optimizer state and activations together
 */
export class MetaDevice implements Device {
  readonly name = "meta";
  readonly capabilities: DeviceCapabilities = {
    values: false,
    asynchronous: false,
    floatBytes: 4,
    weightDTypes: ["float32", "bfloat16", "int8"],
    precisions: ["float32", "bfloat16"],
    kernels: "meta",
  };
  #counts = new Map<string, { calls: number; flops: number; bytes: number }>();
  readonly #persistent = new Map<Storage, number>();
  readonly #arenas: MetaArena[] = [];
  readonly #packing = new PackingScratch();
  #persistentBytes = 0;
  #persistentPeak = 0;

  /** Floating-point operations since the device was made, or {@link resetCounts}. */
  get flops(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count.flops, 0);
  }

  /** Kernel calls since the device was made, or {@link resetCounts}. */
  get kernelCalls(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count.calls, 0);
  }

  /** The same, kernel by kernel. */
  get kernels(): ReadonlyMap<string, KernelCount> {
    return this.#counts;
  }

  /** Bytes of parameters, gradients, optimizer state and caches that are allocated now. */
  get persistentBytes(): number {
    return this.#persistentBytes;
  }

  /** Most bytes of activations and gradients at one time, over all arenas. */
  get arenaPeakBytes(): number {
    return this.#arenas.reduce((sum, arena) => sum + arena.peakBytes, 0);
  }

  /** Bytes that the arenas take from the system: the peak, and what lies between allocations. */
  get arenaReservedBytes(): number {
    return this.#arenas.reduce((sum, arena) => sum + arena.reservedBytes, 0);
  }

  /** Bytes that products pack their operands into; what other kernels keep for themselves is small beside it. */
  get scratchBytes(): number {
    return this.#packing.bytes;
  }

  /** Bytes that the same work takes on the cpu device. */
  get peakBytes(): number {
    return this.#persistentPeak + this.arenaReservedBytes + this.scratchBytes;
  }

  /** Forgets kernels and FLOPs, keeps memory. */
  resetCounts(): void {
    this.#counts = new Map();
  }

  allocate(dtype: DType, length: number): Storage {
    const storage = new MetaStorage(dtype, length, true);
    this.#persistent.set(storage, length * BYTES);
    this.#persistentBytes += length * BYTES;
    this.#persistentPeak = Math.max(this.#persistentPeak, this.#persistentBytes);
    return storage;
  }

  allocateMatrix(dtype: WeightDType, rows: number, width: number): Storage {
    const bytes = weightBytes(dtype, rows, width);
    const storage = new MetaStorage(dtype, rows * width, true);
    this.#persistent.set(storage, bytes);
    this.#persistentBytes += bytes;
    this.#persistentPeak = Math.max(this.#persistentPeak, this.#persistentBytes);
    return storage;
  }

  constructor() {
    checkKernels(this);
  }

  release(storage: Storage): void {
    if (!(storage instanceof MetaStorage && storage.isWhole)) throw notWhole();
    this.#persistentBytes -= this.#persistent.get(storage) ?? 0;
    this.#persistent.delete(storage);
  }

  createArena(): Arena {
    const arena = new MetaArena();
    this.#arenas.push(arena);
    return arena;
  }

  write(storage: Storage, data: ArrayLike<number>): void {
    if (storage.length !== data.length) {
      throw new RangeError(`write: ${data.length} elements into a storage of ${storage.length}`);
    }
  }

  async read(storage: Storage): Promise<Float32Array | Int32Array> {
    return this.readNow(storage);
  }

  /** Zeros: there are no numbers here. @throws NuwaError DEVICE for what would not fit in memory */
  readNow(storage: Storage): Float32Array | Int32Array {
    if (storage.length > 2 ** 28) throw new NuwaError("DEVICE", "the meta device holds no numbers to read");
    return storage.dtype === "int32" ? new Int32Array(storage.length) : new Float32Array(storage.length);
  }

  async synchronize(): Promise<void> {}

  dispose(): void {}

  #count(kernel: string, flops: number, ...storages: (Storage | null)[]): void {
    let count = this.#counts.get(kernel);
    if (count === undefined) {
      count = { calls: 0, flops: 0, bytes: 0 };
      this.#counts.set(kernel, count);
    }
    count.calls++;
    count.flops += flops;
    for (const storage of storages) count.bytes += storage === null ? 0 : bytesOf(storage);
  }

  fill(x: Storage, _value: number): void {
    this.#count("fill", 0, x);
  }

  copy(out: Storage, x: Storage): void {
    this.#count("copy", 0, out, x);
  }

  axpby(out: Storage, a: Storage, _alpha: number, b: Storage, _beta: number): void {
    this.#count("axpby", 3 * out.length, out, a, b);
  }

  multiply(out: Storage, a: Storage, b: Storage, accumulate: boolean): void {
    this.#count("multiply", (accumulate ? 2 : 1) * out.length, out, a, b);
  }

  activation(out: Storage, x: Storage, kind: Activation): void {
    this.#count("activation", activationFlops(kind) * out.length, out, x);
  }

  activationBackward(dx: Storage, dout: Storage, x: Storage, kind: Activation, accumulate: boolean): void {
    this.#count("activationBackward", (activationFlops(kind) + (accumulate ? 2 : 1)) * dx.length, dx, dout, x);
  }

  gated(out: Storage, gate: Storage, up: Storage, kind: Activation): void {
    this.#count("gated", (activationFlops(kind) + 1) * out.length, out, gate, up);
  }

  gatedBackward(dgate: Storage, dup: Storage, dout: Storage, gate: Storage, up: Storage, kind: Activation): void {
    this.#count("gatedBackward", (2 * activationFlops(kind) + 3) * dout.length, dgate, dup, dout, gate, up);
  }

  dropout(out: Storage, x: Storage, _dims: DropoutDims): void {
    this.#count("dropout", out.length, out, x);
  }

  sum(_out: Storage, _index: number, x: Storage): void {
    this.#count("sum", x.length, x);
  }

  sumOfSquares(_out: Storage, _index: number, x: Storage): void {
    this.#count("sumOfSquares", 2 * x.length, x);
  }

  argmax(out: Storage, x: Storage, _rows: number, _width: number): void {
    this.#count("argmax", 0, out, x);
  }

  matmul(out: Storage, a: Storage, b: Storage, dims: MatmulDims): void {
    this.#packing.product(dims.M, dims.N, dims.K, dims.transposeA);
    this.#count("matmul", 2 * dims.M * dims.N * dims.K, out, a, b);
  }

  linear(out: Storage, x: Storage, weight: Storage, bias: Storage | null, dims: LinearDims): void {
    this.#packing.product(dims.rows, dims.outputs, dims.inputs, false);
    this.#count("linear", linearFlops(dims) + (bias === null ? 0 : out.length), out, x, weight, bias);
  }

  linearBackwardInput(dx: Storage, dout: Storage, weight: Storage, dims: LinearDims, _accumulate: boolean): void {
    this.#packing.product(dims.rows, dims.inputs, dims.outputs, false);
    this.#count("linearBackwardInput", linearFlops(dims), dx, dout, weight);
  }

  linearBackwardWeight(dweight: Storage, dout: Storage, x: Storage, dims: LinearDims, _accumulate: boolean): void {
    this.#packing.product(dims.outputs, dims.inputs, dims.rows, true);
    this.#count("linearBackwardWeight", linearFlops(dims), dweight, dout, x);
  }

  linearBackwardBias(dbias: Storage, dout: Storage, dims: LinearDims, _accumulate: boolean): void {
    this.#count("linearBackwardBias", dims.rows * dims.outputs, dbias, dout);
  }

  embedding(out: Storage, _table: Storage, ids: Storage, _rows: number, _width: number): void {
    this.#count("embedding", 0, out, out, ids);
  }

  embeddingBackward(_dtable: Storage, dout: Storage, ids: Storage, _rows: number, _width: number): void {
    this.#count("embeddingBackward", dout.length, dout, dout, ids);
  }

  layerNorm(
    out: Storage,
    mean: Storage,
    rstd: Storage,
    x: Storage,
    weight: Storage | null,
    bias: Storage | null,
    _dims: NormDims,
  ): void {
    this.#count("layerNorm", 8 * out.length, out, mean, rstd, x, weight, bias);
  }

  layerNormBackward(
    dx: Storage,
    dweight: Storage | null,
    dbias: Storage | null,
    dout: Storage,
    x: Storage,
    weight: Storage | null,
    _mean: Storage,
    _rstd: Storage,
    _dims: NormDims,
    _accumulate: { readonly dx: boolean; readonly parameters: boolean },
  ): void {
    this.#count("layerNormBackward", 14 * dx.length, dx, dweight, dbias, dout, x, weight);
  }

  rmsNorm(out: Storage, rstd: Storage, x: Storage, weight: Storage | null, _dims: NormDims): void {
    this.#count("rmsNorm", 4 * out.length, out, rstd, x, weight);
  }

  rmsNormBackward(
    dx: Storage,
    dweight: Storage | null,
    dout: Storage,
    x: Storage,
    weight: Storage | null,
    _rstd: Storage,
    _dims: NormDims,
    _accumulate: { readonly dx: boolean; readonly parameters: boolean },
  ): void {
    this.#count("rmsNormBackward", 10 * dx.length, dx, dweight, dout, x, weight);
  }

  rope(out: Storage, x: Storage, _table: Storage, _dims: RopeDims): void {
    this.#count("rope", 3 * out.length, out, x);
  }

  /** Two products of 2·D operations, for each query and key near enough to see each other. */
  attention(out: Storage, _logSumExp: Storage, inputs: AttentionInputs, dims: AttentionDims): void {
    const { q, k, v, relative, mask, segments } = inputs;
    this.#count("attention", 4 * dims.D * visiblePairs(dims), out, q, k, v, relative, mask, segments);
  }

  /** As if every text were half as long as the cache. */
  attentionStep(out: Storage, q: Storage, k: Storage, v: Storage, dims: AttentionStepDims): void {
    const { B, capacity, H, D } = dims;
    this.#count("attentionStep", 4 * D * B * H * (capacity / 2), out, q, k, v, dims.keys);
  }

  /** Five such products: the scores again, dV, dP, dQ, dK. */
  attentionBackward(
    gradients: AttentionGradients,
    dout: Storage,
    out: Storage,
    _logSumExp: Storage,
    inputs: AttentionInputs,
    dims: AttentionDims,
  ): void {
    const { q, k, v, relative, mask, segments } = inputs;
    const written = [gradients.q, gradients.k, gradients.v, gradients.relative];
    const flops = 10 * dims.D * visiblePairs(dims);
    this.#count("attentionBackward", flops, ...written, dout, out, q, k, v, relative, mask, segments);
  }

  crossEntropy(
    losses: Storage,
    logits: Storage,
    targets: Storage,
    weights: Storage | null,
    dims: CrossEntropyDims,
  ): void {
    const perLogit = dims.gradientScale === null ? 3 : 6;
    this.#count("crossEntropy", perLogit * logits.length, losses, logits, targets, weights);
  }

  adamW(...[parameter, gradient, m, v]: Parameters<Device["adamW"]>): void {
    this.#count("adamW", 14 * parameter.length, parameter, parameter, gradient, m, m, v, v);
  }

  lion(...[parameter, gradient, m]: Parameters<Device["lion"]>): void {
    this.#count("lion", 10 * parameter.length, parameter, parameter, gradient, m, m);
  }

  sgd(...[parameter, gradient, m]: Parameters<Device["sgd"]>): void {
    this.#count("sgd", (m === null ? 4 : 8) * parameter.length, parameter, parameter, gradient, m, m);
  }

  nesterov(...[m, gradient]: Parameters<Device["nesterov"]>): void {
    this.#count("nesterov", 5 * m.length, m, m, gradient, gradient);
  }

  adafactor(...[parameter, gradient, row, column]: Parameters<Device["adafactor"]>): void {
    // The update is known only when the means are: once for their sums, once for its size, once to apply it.
    const moved = [parameter, parameter, parameter, gradient, gradient, gradient, row, row, column, column];
    this.#count("adafactor", 20 * parameter.length, ...moved);
  }

  multiplyScalar(...[out, x]: Parameters<Device["multiplyScalar"]>): void {
    this.#count("multiplyScalar", out.length, out, x);
  }

  normalize(...[out, x]: Parameters<Device["normalize"]>): void {
    this.#count("normalize", out.length, out, x);
  }

  applyUpdate(...[parameter, update]: Parameters<Device["applyUpdate"]>): void {
    this.#count("applyUpdate", 3 * parameter.length, parameter, parameter, update);
  }

  sampleToken(...[, , , logits]: Parameters<Device["sampleToken"]>): void {
    this.#count("sampleToken", 4 * logits.length, logits);
  }

  clipGradients(...[, , squares]: Parameters<Device["clipGradients"]>): void {
    this.#count("clipGradients", squares.length, squares);
  }

  // -- functions, axes, recurrences, experts: see kernels.ts

  unary(out: Storage, x: Storage): void {
    this.#count("unary", 4 * out.length, out, x);
  }

  unaryBackward(...[dx, dout, x]: Parameters<Device["unaryBackward"]>): void {
    this.#count("unaryBackward", 6 * dx.length, dx, dout, x);
  }

  softmax(out: Storage, x: Storage): void {
    this.#count("softmax", 4 * out.length, out, x);
  }

  softmaxBackward(...[dx, dout, out]: Parameters<Device["softmaxBackward"]>): void {
    this.#count("softmaxBackward", 4 * dx.length, dx, dout, out);
  }

  logSumExp(out: Storage, x: Storage): void {
    this.#count("logSumExp", 3 * x.length, out, x);
  }

  logSumExpBackward(...[dx, dout, x, out]: Parameters<Device["logSumExpBackward"]>): void {
    this.#count("logSumExpBackward", 3 * dx.length, dx, dout, x, out);
  }

  copyBlocks(...[out, x, dims, accumulate]: Parameters<Device["copyBlocks"]>): void {
    const part = new MetaStorage(out.dtype, Math.min(x.length, dims.count * dims.length));
    this.#count("copyBlocks", accumulate ? part.length : 0, part, part);
  }

  swapAxes(out: Storage, x: Storage): void {
    this.#count("swapAxes", 0, out, x);
  }

  gather(...[out, , ids]: Parameters<Device["gather"]>): void {
    this.#count("gather", 0, out, out, ids);
  }

  gatherBackward(...[, dout, ids]: Parameters<Device["gatherBackward"]>): void {
    this.#count("gatherBackward", dout.length, dout, dout, ids);
  }

  sumAxis(out: Storage, x: Storage): void {
    this.#count("sumAxis", x.length, out, x);
  }

  broadcastAxis(out: Storage, x: Storage): void {
    this.#count("broadcastAxis", out.length, out, x);
  }

  recurrent(...[out, gates, memory, , , weight, , dims]: Parameters<Device["recurrent"]>): void {
    this.#count("recurrent", recurrentFlops(dims) + 6 * gates.length, out, gates, gates, memory, weight);
  }

  recurrentBackward(...[storages, dims]: Parameters<Device["recurrentBackward"]>): void {
    const { gates, hiddenGates, dout, memory, out, weight } = storages;
    const flops = recurrentFlops(dims) + 8 * gates.length;
    this.#count("recurrentBackward", flops, gates, gates, hiddenGates, dout, memory, out, weight);
  }

  topK(...[ids, x, , count]: Parameters<Device["topK"]>): void {
    this.#count("topK", count * x.length, ids, x);
  }

  groupRows(...[tokens, position, offsets, shares, ids]: Parameters<Device["groupRows"]>): void {
    this.#count("groupRows", 0, tokens, position, offsets, shares, ids);
  }

  combineRows(...[out, y, weights, position]: Parameters<Device["combineRows"]>): void {
    this.#count("combineRows", 2 * y.length, out, y, weights, position);
  }

  combineRowsBackward(...[dy, dweights, dout, y, weights, position]: Parameters<Device["combineRowsBackward"]>): void {
    this.#count("combineRowsBackward", 3 * y.length, dy, dweights, dout, y, weights, position);
  }

  groupedLinear(...[out, x, weight, , dims]: Parameters<Device["groupedLinear"]>): void {
    this.#count("groupedLinear", linearFlops(dims), out, x, weight);
  }

  groupedLinearBackwardInput(...[dx, dout, weight, , dims]: Parameters<Device["groupedLinearBackwardInput"]>): void {
    this.#count("groupedLinearBackwardInput", linearFlops(dims), dx, dout, weight);
  }

  groupedLinearBackwardWeight(...[dw, dout, x, , dims]: Parameters<Device["groupedLinearBackwardWeight"]>): void {
    this.#count("groupedLinearBackwardWeight", linearFlops(dims), dw, dout, x);
  }
}

/** The product of the state with its weight, at each time step. */
function recurrentFlops({ B, T, H, kind }: RecurrentDims): number {
  return 2 * B * T * H * H * gateCount(kind);
}

/** Of any device's storage; what pads a matrix's rows is left out. */
function bytesOf({ dtype, length }: Storage): number {
  return dtype === "bfloat16" || dtype === "int8" ? weightBytes(dtype, 1, length) : length * BYTES;
}

function linearFlops(dims: LinearDims): number {
  return 2 * dims.rows * dims.inputs * dims.outputs;
}

/** Pairs of query and key that are near enough to see each other, over batch and heads. */
function visiblePairs(dims: AttentionDims): number {
  const { B, H, T, S, left, right } = dims;
  let pairs = 0;
  for (let t = 0; t < T; t++) {
    const position = t + S - T;
    pairs += Math.max(0, Math.min(S, position + right + 1) - Math.max(0, position - left));
  }
  return B * H * pairs;
}

/** A rough cost an element; exp, tanh and erf count as one. */
function activationFlops(kind: Activation): number {
  switch (kind) {
    case "gelu":
    case "silu":
      return 4;
    case "gelu_tanh":
      return 8;
    case "relu":
      return 1;
    case "relu2":
      return 2;
  }
}
