import { availableParallelism } from "node:os";
import { NuwaError } from "../../text/errors.ts";
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
  Precision,
  RopeDims,
  Storage,
  WeightDType,
} from "../device.ts";
import { checkKernels } from "../checks.ts";
import { notWhole } from "../storage.ts";
import * as kernels from "./kernels.ts";
import * as optimizers from "./optimizers.ts";
import { at, atMatrix, atOptional, BYTES, CpuArena, CpuMatrix, CpuStorage, type Memory, MemoryPool } from "./memory.ts";
import { weightBytes } from "../weights.ts";
import { type AttentionArguments, loadNative, type NativeAddon, type NativeContext } from "./native.ts";

export interface CpuDeviceOptions {
  /** Threads that compute, the calling one counted; default: NUWA_THREADS, else one a core. Results do not depend on it. */
  readonly threads?: number | undefined;
  /** How products compute; default float32. */
  readonly precision?: Precision;
}

/** Numbers of `ActivationKind` in native/cpu/kernels.h. */
const ACTIVATIONS: Readonly<Record<Activation, number>> = { gelu: 0, gelu_tanh: 1, silu: 2, relu: 3, relu2: 4 };

/** Numbers of `WeightKind` in native/cpu/kernels/weights.h. */
const WEIGHT_KINDS: Readonly<Record<WeightDType, number>> = { float32: 0, bfloat16: 1, int8: 2 };

/** Products of at most so many rows read the weight as it lies; see kFewRows in native/cpu/kernels/decode.cc. */
const FEW_ROWS = 16;

/** Vectors may be read past a matrix's last scale, and the scales start on a cache line. */
const MATRIX_MARGIN = 128;

/** Float values on their way to a matrix of another dtype, at one time. */
const STAGED = 2 ** 22;

const NULL = 0;
const NO_DROPOUT = { p: 0, seed: [0, 0], counter: [0, 0, 0] } as const;

function attentionArguments(inputs: AttentionInputs, dims: AttentionDims): AttentionArguments {
  const { q, k, v, relative, mask, segments } = inputs;
  const { B, T, S, capacity, H, K, D, left, right, positions, maskStrides, scale, dropout } = dims;
  const bias = mask?.dtype === "float32" ? mask : null;
  const visible = mask?.dtype === "int32" ? mask : null;
  const addresses = [at(q), at(k), at(v), atOptional(relative)] as const;
  const masks = [atOptional(bias), atOptional(visible), atOptional(segments)] as const;
  const sizes = [B, T, S, capacity, H, K, D, left, right, positions] as const;
  const { p, seed, counter } = dropout ?? NO_DROPOUT;
  const { batch, head, query } = maskStrides;
  return [...addresses, ...masks, ...sizes, batch, head, query, scale, p, ...seed, ...counter];
}

function weightKind(storage: Storage): number {
  if (storage.dtype !== "int32") return WEIGHT_KINDS[storage.dtype];
  throw new NuwaError("SHAPE", "cpu: expected a float weight, got int32");
}

function threadCount(option: number | undefined): number {
  const fromEnvironment = process.env["NUWA_THREADS"];
  const wanted = option ?? (fromEnvironment ? Number(fromEnvironment) : availableParallelism());
  if (Number.isInteger(wanted) && wanted >= 1 && wanted <= 1024) return wanted;
  const where = option === undefined ? "NUWA_THREADS" : "threads";
  throw new NuwaError("VALUE", `expected a whole number from 1 to 1024, got ${option ?? fromEnvironment}`, { where });
}

/**
 * The native device: C++ kernels on a pool of threads, memory outside the JavaScript heap. Each method hands addresses
 * to the kernel of the same name (native/cpu/kernels.h) and returns when it is done.
 */
export class CpuDevice implements Device {
  readonly name = "cpu";
  readonly capabilities: DeviceCapabilities;
  /** Which kernels run: "avx512bf16", "avx512", "avx2" or "portable"; NUWA_CPU forces one. */
  readonly instructionSet: string;
  readonly threads: number;
  readonly precision: Precision;
  readonly #native: NativeAddon;
  readonly #memory: MemoryPool;
  #context: NativeContext | undefined;

  constructor(options: CpuDeviceOptions = {}) {
    this.#native = loadNative();
    this.precision = options.precision ?? "float32";
    this.#context = this.#native.createContext(
      threadCount(options.threads),
      process.env["NUWA_CPU"] ?? "",
      this.precision === "bfloat16",
    );
    const described = this.#native.describeContext(this.#context);
    this.instructionSet = described.instructionSet;
    this.threads = described.threads;
    this.#memory = new MemoryPool(this.#native);
    this.capabilities = {
      values: true,
      asynchronous: false,
      floatBytes: 4,
      weightDTypes: ["float32", "bfloat16", "int8"],
      precisions: ["float32", "bfloat16"],
      kernels: this.instructionSet,
    };
    checkKernels(this);
  }

  /** Bytes of native memory held now: persistent storages and arenas. */
  get bytes(): number {
    return this.#memory.bytes;
  }

  /** Bytes that kernels hold for themselves beside that: packed operands, partial sums. */
  get scratchBytes(): number {
    return this.#context === undefined ? 0 : this.#native.describeContext(this.#context).scratchBytes;
  }

  allocate(dtype: DType, length: number): Storage {
    return new CpuStorage(dtype, length, this.#memory.take(Math.max(1, length) * BYTES, true), 0, "whole");
  }

  allocateMatrix(dtype: WeightDType, rows: number, width: number): Storage {
    if (dtype === "float32") return this.allocate(dtype, rows * width);
    return new CpuMatrix(dtype, rows, width, this.#memory.take(weightBytes(dtype, rows, width) + MATRIX_MARGIN, true));
  }

  release(storage: Storage): void {
    if (!(storage instanceof CpuStorage) || storage.placement !== "whole") throw notWhole();
    this.#memory.give(storage.memory);
  }

  createArena(): Arena {
    return new CpuArena(this.#memory);
  }

  write(storage: Storage, data: ArrayLike<number>): void {
    if (data.length !== storage.length) {
      throw new NuwaError("SHAPE", `write: expected ${storage.length} elements, got ${data.length}`);
    }
    if (!(storage instanceof CpuStorage)) throw new NuwaError("SHAPE", "write: a storage of another device");
    if (storage instanceof CpuMatrix) this.#writeMatrix(storage, data);
    else storage.view().set(data);
  }

  async read(storage: Storage): Promise<Float32Array | Int32Array> {
    return this.readNow(storage);
  }

  readNow(storage: Storage): Float32Array | Int32Array {
    if (!(storage instanceof CpuStorage)) throw new NuwaError("SHAPE", "read: a storage of another device");
    if (storage instanceof CpuMatrix) return this.#readMatrix(storage);
    return storage.view().slice();
  }

  #writeMatrix(matrix: CpuMatrix, data: ArrayLike<number>): void {
    const { rows, width } = matrix;
    const [kind, atOnce] = [weightKind(matrix), Math.max(1, Math.floor(STAGED / width))];
    this.#staged(Math.min(rows, atOnce) * width, (staged, values) => {
      for (let row = 0; row < rows; row += atOnce) {
        const count = Math.min(atOnce, rows - row);
        const [begin, end] = [row * width, (row + count) * width];
        if (data instanceof Float32Array) values.set(data.subarray(begin, end));
        else for (let i = begin; i < end; i++) values[i - begin] = data[i] ?? 0;
        this.#native.packWeight(this.#context, at(matrix), kind, staged.address, row, count, rows, width);
      }
    });
  }

  #readMatrix(matrix: CpuMatrix): Float32Array {
    const { rows, width } = matrix;
    return this.#staged(rows * width, (staged, values) => {
      this.#native.unpackWeight(this.#context, staged.address, at(matrix), weightKind(matrix), rows, width);
      return values.slice();
    });
  }

  /** Native memory for `length` floats while `use` runs. */
  #staged<Result>(length: number, use: (memory: Memory, values: Float32Array) => Result): Result {
    const memory = this.#memory.take(Math.max(1, length) * BYTES, false);
    try {
      return use(memory, new Float32Array(memory.buffer, 0, length));
    } finally {
      this.#memory.give(memory);
    }
  }

  async synchronize(): Promise<void> {}

  dispose(): void {
    if (this.#context !== undefined) this.#native.stopContext(this.#context);
    this.#context = undefined;
    this.#memory.dispose();
  }

  /** What the threads reach together in registers alone: the bound that products are measured against. */
  measurePeakGflops(seconds: number): number {
    if (this.#context === undefined) throw new NuwaError("DEVICE", "the cpu device has been disposed");
    return this.#native.measurePeak(this.#context, seconds);
  }

  /**
   * Bytes a second that all threads together read from memory: the bound that decoding is measured against. The best
   * of `passes` over a buffer much larger than the caches.
   */
  measureBandwidth(options: { readonly bytes?: number; readonly passes?: number } = {}): number {
    const { bytes = 512 * 2 ** 20, passes = 8 } = options;
    const length = Math.ceil(bytes / BYTES);
    return this.#staged(length, (memory, values) => {
      values.fill(1); // pages that were never written all read one page of zeros
      let best = Number.POSITIVE_INFINITY;
      const sum = this.#memory.take(BYTES, false);
      for (let pass = 0; pass < passes; pass++) {
        const start = performance.now();
        this.#native.readThrough(this.#context, sum.address, memory.address, length);
        best = Math.min(best, (performance.now() - start) / 1000);
      }
      this.#memory.give(sum);
      return (length * BYTES) / best;
    });
  }

  fill(x: Storage, value: number): void {
    const kernel = x.dtype === "float32" ? this.#native.fill : this.#native.fillInt;
    kernel(this.#context, at(x), x.length, value);
  }

  copy(out: Storage, x: Storage): void {
    this.#native.copy(this.#context, at(out), at(x), x.length * BYTES);
  }

  axpby(out: Storage, a: Storage, alpha: number, b: Storage, beta: number): void {
    this.#native.axpby(this.#context, at(out), at(a), alpha, at(b), beta, out.length);
  }

  multiply(out: Storage, a: Storage, b: Storage, accumulate: boolean): void {
    this.#native.multiply(this.#context, at(out), at(a), at(b), out.length, accumulate);
  }

  activation(out: Storage, x: Storage, kind: Activation): void {
    this.#native.activation(this.#context, at(out), at(x), out.length, ACTIVATIONS[kind]);
  }

  activationBackward(dx: Storage, dout: Storage, x: Storage, kind: Activation, accumulate: boolean): void {
    const addresses = [at(dx), at(dout), at(x)] as const;
    this.#native.activationBackward(this.#context, ...addresses, dx.length, ACTIVATIONS[kind], accumulate);
  }

  gated(out: Storage, gate: Storage, up: Storage, kind: Activation): void {
    this.#native.gated(this.#context, at(out), at(gate), at(up), out.length, ACTIVATIONS[kind]);
  }

  gatedBackward(dgate: Storage, dup: Storage, dout: Storage, gate: Storage, up: Storage, kind: Activation): void {
    const [dg, du, d, g, u] = [at(dgate), at(dup), at(dout), at(gate), at(up)];
    this.#native.gatedBackward(this.#context, dg, du, d, g, u, dgate.length, ACTIVATIONS[kind]);
  }

  dropout(out: Storage, x: Storage, dims: DropoutDims): void {
    const { p, seed, counter, accumulate } = dims;
    this.#native.dropout(this.#context, at(out), at(x), out.length, p, ...seed, ...counter, accumulate);
  }

  sum(out: Storage, index: number, x: Storage): void {
    this.#native.sum(this.#context, at(out) + index * BYTES, at(x), x.length);
  }

  sumOfSquares(out: Storage, index: number, x: Storage): void {
    this.#native.sumOfSquares(this.#context, at(out) + index * BYTES, at(x), x.length);
  }

  argmax(out: Storage, x: Storage, rows: number, width: number): void {
    this.#native.argmax(this.#context, at(out), at(x), rows, width);
  }

  matmul(out: Storage, a: Storage, b: Storage, dims: MatmulDims): void {
    const { M, N, K, transposeA, transposeB, accumulate } = dims;
    this.#native.gemm(this.#context, at(out), at(a), at(b), NULL, M, N, K, transposeA, transposeB, accumulate);
  }

  linear(out: Storage, x: Storage, weight: Storage, bias: Storage | null, dims: LinearDims): void {
    const { rows, inputs, outputs } = dims;
    const [o, a, b, add] = [at(out), at(x), atMatrix(weight, outputs, inputs), atOptional(bias)];
    if (rows <= FEW_ROWS || weight.dtype !== "float32") {
      this.#native.linearWeight(this.#context, o, a, b, weightKind(weight), add, rows, outputs, inputs);
      return;
    }
    this.#native.gemm(this.#context, o, a, b, add, rows, outputs, inputs, false, true, false);
  }

  linearBackwardInput(dx: Storage, dout: Storage, weight: Storage, dims: LinearDims, accumulate: boolean): void {
    const { rows, inputs, outputs } = dims;
    const [o, a, b] = [at(dx), at(dout), at(weight)];
    this.#native.gemm(this.#context, o, a, b, NULL, rows, inputs, outputs, false, false, accumulate);
  }

  linearBackwardWeight(dweight: Storage, dout: Storage, x: Storage, dims: LinearDims, accumulate: boolean): void {
    const { rows, inputs, outputs } = dims;
    const [o, a, b] = [at(dweight), at(dout), at(x)];
    this.#native.gemm(this.#context, o, a, b, NULL, outputs, inputs, rows, true, false, accumulate);
  }

  linearBackwardBias(dbias: Storage, dout: Storage, dims: LinearDims, accumulate: boolean): void {
    this.#native.columnSum(this.#context, at(dbias), at(dout), dims.rows, dims.outputs, accumulate);
  }

  embedding(out: Storage, table: Storage, ids: Storage, rows: number, width: number): void {
    const vocabulary = Math.floor(table.length / width);
    if (table.dtype !== "float32") {
      const [o, t, i] = [at(out), atMatrix(table, vocabulary, width), at(ids)];
      this.#native.embeddingWeight(this.#context, o, t, weightKind(table), i, rows, width, vocabulary);
      return;
    }
    this.#native.embedding(this.#context, at(out), at(table), at(ids), rows, width, vocabulary);
  }

  embeddingBackward(dtable: Storage, dout: Storage, ids: Storage, rows: number, width: number): void {
    const vocabulary = Math.floor(dtable.length / width);
    this.#native.embeddingBackward(this.#context, at(dtable), at(dout), at(ids), rows, width, vocabulary);
  }

  layerNorm(
    out: Storage,
    mean: Storage,
    rstd: Storage,
    x: Storage,
    weight: Storage | null,
    bias: Storage | null,
    dims: NormDims,
  ): void {
    const [w, b] = [atOptional(weight), atOptional(bias)];
    const { rows, width, epsilon } = dims;
    this.#native.layerNorm(this.#context, at(out), at(mean), at(rstd), at(x), w, b, rows, width, epsilon);
  }

  layerNormBackward(
    dx: Storage,
    dweight: Storage | null,
    dbias: Storage | null,
    dout: Storage,
    x: Storage,
    weight: Storage | null,
    mean: Storage,
    rstd: Storage,
    dims: NormDims,
    accumulate: { readonly dx: boolean; readonly parameters: boolean },
  ): void {
    const gradients = [at(dx), atOptional(dweight), atOptional(dbias), at(dout)] as const;
    const saved = [at(x), atOptional(weight), at(mean), at(rstd)] as const;
    const flags = [accumulate.dx, accumulate.parameters] as const;
    this.#native.layerNormBackward(this.#context, ...gradients, ...saved, dims.rows, dims.width, ...flags);
  }

  rmsNorm(out: Storage, rstd: Storage, x: Storage, weight: Storage | null, dims: NormDims): void {
    const { rows, width, epsilon } = dims;
    this.#native.rmsNorm(this.#context, at(out), at(rstd), at(x), atOptional(weight), rows, width, epsilon);
  }

  rmsNormBackward(
    dx: Storage,
    dweight: Storage | null,
    dout: Storage,
    x: Storage,
    weight: Storage | null,
    rstd: Storage,
    dims: NormDims,
    accumulate: { readonly dx: boolean; readonly parameters: boolean },
  ): void {
    const gradients = [at(dx), atOptional(dweight), at(dout)] as const;
    const saved = [at(x), atOptional(weight), at(rstd)] as const;
    const flags = [accumulate.dx, accumulate.parameters] as const;
    this.#native.rmsNormBackward(this.#context, ...gradients, ...saved, dims.rows, dims.width, ...flags);
  }

  rope(out: Storage, x: Storage, table: Storage, dims: RopeDims): void {
    const { B, T, H, D, offset, inverse } = dims;
    const [addresses, angles] = [[at(out), at(x), at(table), atOptional(dims.positions)] as const, table.length / D];
    this.#native.rope(this.#context, ...addresses, angles, B, T, H, D, offset, inverse);
  }

  attention(out: Storage, logSumExp: Storage, inputs: AttentionInputs, dims: AttentionDims): void {
    this.#native.attention(this.#context, at(out), at(logSumExp), ...attentionArguments(inputs, dims));
  }

  attentionStep(out: Storage, q: Storage, k: Storage, v: Storage, dims: AttentionStepDims): void {
    const { B, capacity, H, K, D, scale } = dims;
    const inputs = [at(out), at(q), at(k), at(v), at(dims.keys), at(dims.values), at(dims.positions)] as const;
    this.#native.attentionStep(this.#context, ...inputs, atOptional(dims.ropeTable), B, capacity, H, K, D, scale);
  }

  attentionBackward(
    gradients: AttentionGradients,
    dout: Storage,
    out: Storage,
    logSumExp: Storage,
    inputs: AttentionInputs,
    dims: AttentionDims,
  ): void {
    const written = [at(gradients.q), at(gradients.k), at(gradients.v), atOptional(gradients.relative)] as const;
    const read = [at(dout), at(out), at(logSumExp), ...attentionArguments(inputs, dims)] as const;
    this.#native.attentionBackward(this.#context, ...written, ...read);
  }

  crossEntropy(
    losses: Storage,
    logits: Storage,
    targets: Storage,
    weights: Storage | null,
    dims: CrossEntropyDims,
  ): void {
    const { rows, vocabulary, gradientScale } = dims;
    const addresses = [at(losses), at(logits), at(targets), atOptional(weights)] as const;
    this.#native.crossEntropy(
      this.#context,
      ...addresses,
      rows,
      vocabulary,
      gradientScale !== null,
      gradientScale ?? 0,
      dims.labelSmoothing ?? 0,
      dims.zLoss ?? 0,
    );
  }

  adamW(...args: Parameters<Device["adamW"]>): void {
    optimizers.adamW(this.#native, this.#context, ...args);
  }

  lion(...args: Parameters<Device["lion"]>): void {
    optimizers.lion(this.#native, this.#context, ...args);
  }

  sgd(...args: Parameters<Device["sgd"]>): void {
    optimizers.sgd(this.#native, this.#context, ...args);
  }

  nesterov(...args: Parameters<Device["nesterov"]>): void {
    optimizers.nesterov(this.#native, this.#context, ...args);
  }

  adafactor(...args: Parameters<Device["adafactor"]>): void {
    optimizers.adafactor(this.#native, this.#context, ...args);
  }

  multiplyScalar(...args: Parameters<Device["multiplyScalar"]>): void {
    optimizers.multiplyScalar(this.#native, this.#context, ...args);
  }

  normalize(...args: Parameters<Device["normalize"]>): void {
    optimizers.normalize(this.#native, this.#context, ...args);
  }

  applyUpdate(...args: Parameters<Device["applyUpdate"]>): void {
    optimizers.applyUpdate(this.#native, this.#context, ...args);
  }

  sampleToken(...args: Parameters<Device["sampleToken"]>): void {
    optimizers.sampleToken(this.#native, this.#context, ...args);
  }

  clipGradients(...args: Parameters<Device["clipGradients"]>): void {
    optimizers.clipGradients(this.#native, this.#context, ...args);
  }

  // -- functions, axes, recurrences, experts: see ../kernels.ts

  unary(...args: Parameters<Device["unary"]>): void {
    kernels.unary(this.#native, this.#context, ...args);
  }

  unaryBackward(...args: Parameters<Device["unaryBackward"]>): void {
    kernels.unaryBackward(this.#native, this.#context, ...args);
  }

  softmax(...args: Parameters<Device["softmax"]>): void {
    kernels.softmax(this.#native, this.#context, ...args);
  }

  softmaxBackward(...args: Parameters<Device["softmaxBackward"]>): void {
    kernels.softmaxBackward(this.#native, this.#context, ...args);
  }

  logSumExp(...args: Parameters<Device["logSumExp"]>): void {
    kernels.logSumExp(this.#native, this.#context, ...args);
  }

  logSumExpBackward(...args: Parameters<Device["logSumExpBackward"]>): void {
    kernels.logSumExpBackward(this.#native, this.#context, ...args);
  }

  copyBlocks(...args: Parameters<Device["copyBlocks"]>): void {
    kernels.copyBlocks(this.#native, this.#context, ...args);
  }

  swapAxes(...args: Parameters<Device["swapAxes"]>): void {
    kernels.swapAxes(this.#native, this.#context, ...args);
  }

  gather(...args: Parameters<Device["gather"]>): void {
    kernels.gather(this.#native, this.#context, ...args);
  }

  gatherBackward(...args: Parameters<Device["gatherBackward"]>): void {
    kernels.gatherBackward(this.#native, this.#context, ...args);
  }

  sumAxis(...args: Parameters<Device["sumAxis"]>): void {
    kernels.sumAxis(this.#native, this.#context, ...args);
  }

  broadcastAxis(...args: Parameters<Device["broadcastAxis"]>): void {
    kernels.broadcastAxis(this.#native, this.#context, ...args);
  }

  recurrent(...args: Parameters<Device["recurrent"]>): void {
    kernels.recurrent(this.#native, this.#context, ...args);
  }

  recurrentBackward(...args: Parameters<Device["recurrentBackward"]>): void {
    kernels.recurrentBackward(this.#native, this.#context, ...args);
  }

  topK(...args: Parameters<Device["topK"]>): void {
    kernels.topK(this.#native, this.#context, ...args);
  }

  groupRows(...args: Parameters<Device["groupRows"]>): void {
    kernels.groupRows(this.#native, this.#context, ...args);
  }

  combineRows(...args: Parameters<Device["combineRows"]>): void {
    kernels.combineRows(this.#native, this.#context, ...args);
  }

  combineRowsBackward(...args: Parameters<Device["combineRowsBackward"]>): void {
    kernels.combineRowsBackward(this.#native, this.#context, ...args);
  }

  groupedLinear(...args: Parameters<Device["groupedLinear"]>): void {
    kernels.groupedLinear(this.#native, this.#context, ...args);
  }

  groupedLinearBackwardInput(...args: Parameters<Device["groupedLinearBackwardInput"]>): void {
    kernels.groupedLinearBackwardInput(this.#native, this.#context, ...args);
  }

  groupedLinearBackwardWeight(...args: Parameters<Device["groupedLinearBackwardWeight"]>): void {
    kernels.groupedLinearBackwardWeight(this.#native, this.#context, ...args);
  }
}

/**
 * Makes the native device. `dispose()` stops its threads and frees its memory.
 *
 * @throws NuwaError DEVICE when the addon is not built or NUWA_CPU names instructions that are not there
 * @example const device = createCpuDevice({ threads: 2 });
 */
export function createCpuDevice(options: CpuDeviceOptions = {}): CpuDevice {
  return new CpuDevice(options);
}

/** Whether the addon loads, and which kernels this processor gets. Never throws. */
export function nativeStatus(): { available: boolean; reason?: string; instructionSet?: string } {
  try {
    const native = loadNative();
    const context = native.createContext(1, process.env["NUWA_CPU"] ?? "", false);
    return { available: true, instructionSet: native.describeContext(context).instructionSet };
  } catch (error) {
    return { available: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
