/**
 * The contract between everything above and the machine below: buffers, and the kernels that work on them.
 *
 * Shape letters: B batch, T time, C channels, H query heads, K key-value heads, D head size, V vocabulary.
 * All storages are contiguous and row-major. A kernel checks nothing: dtypes and lengths are checked before it, in
 * checks.ts, and shapes in the ops above.
 * `accumulate` says whether a result is written (false) or added to what is there (true).
 * Every kernel gives the same bits for any number of threads.
 * Where a kernel works element by element (axpby, multiply, activation, activationBackward, gated, gatedBackward,
 * dropout, rope), an output may be the same storage as an input of its shape. Elsewhere outputs and inputs are apart.
 */

import type {
  ArrayKernels,
  ExpertKernels,
  FunctionKernels,
  LinearDims,
  RecurrentKernels,
  SamplingKernels,
  ScalarKernels,
} from "./kernels.ts";
import type { Arena, DType, HostArray, Precision, Storage, WeightDType } from "./storage.ts";

export type * from "./kernels.ts";
export type * from "./storage.ts";

/** Activation functions: GELU exact and by tanh (Hendrycks & Gimpel 2016), SiLU, ReLU, and ReLU squared. */
export type Activation = "gelu" | "gelu_tanh" | "silu" | "relu" | "relu2";

/** Sizes of `matmul`: (M, K) times (K, N), either transposed in memory. */
export interface MatmulDims {
  /** Rows of the result. */ readonly M: number;
  /** Columns of the result. */ readonly N: number;
  /** Length of the sums. */ readonly K: number;
  /** A is stored (K, M) rather than (M, K). */ readonly transposeA: boolean;
  /** B is stored (N, K) rather than (K, N). */ readonly transposeB: boolean;
  readonly accumulate: boolean;
}

/** Sizes of the normalisation kernels: rows of `width` elements, and ε. */
export interface NormDims {
  readonly rows: number;
  readonly width: number;
  readonly epsilon: number;
}

/** Sizes of the kernel `rope` (Su et al. 2021): B texts, T time steps, H heads, D of a head. */
export interface RopeDims {
  readonly B: number;
  readonly T: number;
  readonly H: number;
  readonly D: number;
  /** Position of the first time step where there are no `positions`: row `offset` of the table belongs to t = 0. */
  readonly offset: number;
  /** int32 (B, T): the row of the table for each time step, or null. */
  readonly positions: Storage | null;
  /** Rotate backwards: the gradient of a rotation. */
  readonly inverse: boolean;
}

/** Sizes of the attention kernels: B texts, T queries, S keys, H heads, K key and value heads, D of a head. */
export interface AttentionDims {
  readonly B: number;
  /** Query time steps. */ readonly T: number;
  /** Key time steps in use; ≥ T when a cache holds the past. */ readonly S: number;
  /** Key time steps that the key and value storages have room for in each batch row; S when there is no cache. */
  readonly capacity: number;
  readonly H: number;
  /** Key-value heads; H is a multiple of K, query head h reads key-value head floor(h / (H / K)). */ readonly K: number;
  readonly D: number;
  /** Multiplies q·k; usually 1/√D. */ readonly scale: number;
  /**
   * Query t stands at position i = t + S − T and sees keys s with i − left ≤ s ≤ i + right: causal has right 0, a
   * sliding window of w keys left w − 1; S + T is no limit.
   */
  readonly left: number;
  readonly right: number;
  /** Of `relative`: element [h][positions − 1 + s − i] belongs to key s for a query at i. At least S and T; else 0. */
  readonly positions: number;
  /** Elements of the mask from one batch row, head and query to the next: 0 where they share it. */
  readonly maskStrides: { readonly batch: number; readonly head: number; readonly query: number };
  /**
   * Drops probabilities after the softmax (its sum is of all): key s of query t in head h of row b is element
   * ((b·H + h)·T + t)·⌈S/4⌉·4 + s of {@link DropoutDims}.
   */
  readonly dropout: Omit<DropoutDims, "accumulate"> | null;
}

/** What attention reads. A query that sees no key gives zeros, and takes part in no gradient. */
export interface AttentionInputs {
  /** (B, T, H, D) */ readonly q: Storage;
  /** (B, capacity, K, D) */ readonly k: Storage;
  /** (B, capacity, K, D) */ readonly v: Storage;
  /** (H, 2·positions − 1), added to the scores by distance of key and query: ALiBi, T5's biases. */
  readonly relative: Storage | null;
  /** (B or 1, H or 1, T or 1, S): float32 is added to the scores; of int32, where it is 0 the key is hidden. */
  readonly mask: Storage | null;
  /** int32 (B, S): a query sees the keys of its own segment only; a negative segment is padding, which sees nothing. */
  readonly segments: Storage | null;
}

/** Where attention's gradients are written: of the shapes of {@link AttentionInputs}. */
export interface AttentionGradients {
  readonly q: Storage;
  readonly k: Storage;
  readonly v: Storage;
  readonly relative: Storage | null;
}

/** One new time step of each of B texts; see the op of that name. */
export interface AttentionStepDims {
  /** (B, capacity, K, D), written at each text's position */ readonly keys: Storage;
  readonly values: Storage;
  /** (B) int32: where each text's new time step stands. */ readonly positions: Storage;
  /** (positions, D) as for `rope`, or null. */ readonly ropeTable: Storage | null;
  readonly B: number;
  readonly capacity: number;
  readonly H: number;
  readonly K: number;
  readonly D: number;
  readonly scale: number;
}

/**
 * Which elements drop is the same on every device, bit for bit: element i takes output word i & 3 of
 * Philox4x32-10 with counter (i >> 2, counter[0], counter[1], counter[2]) and key `seed`, and drops when
 * word < p · 2^32, compared in float64. See {@link philox4x32} in philox.ts.
 */
export interface DropoutDims {
  /** Share of elements set to zero; the others are divided by 1 − p. */ readonly p: number;
  /** Philox4x32-10 key: two uint32 words. */ readonly seed: readonly [number, number];
  /** Philox counter words 1–3 (word 0 counts groups of four elements): training step, place in the model, micro-batch. */
  readonly counter: readonly [number, number, number];
  readonly accumulate: boolean;
}

/** Sizes and settings of the kernel `crossEntropy`. */
export interface CrossEntropyDims {
  readonly rows: number;
  readonly vocabulary: number;
  /** When given, `logits` is overwritten by the gradient times this; when null it is left undefined. */
  readonly gradientScale: number | null;
  /** ε of Szegedy et al. 2016: the target's probability is 1 − ε + ε/V, each other's ε/V. Default 0. */
  readonly labelSmoothing?: number;
  /** Each row's loss gains this times log(Σ exp)² (Chowdhery et al. 2022, PaLM). Default 0. */
  readonly zLoss?: number;
}

/** One step of the kernel `adamW` (Loshchilov & Hutter 2019). */
export interface AdamWSettings {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** 1 for the first update (bias correction). */ readonly step: number;
}

/** One step of the kernel `lion` (Chen et al. 2023). */
export interface LionSettings {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly weightDecay: number;
}

/** One step of the kernel `sgd`, with momentum (Polyak 1964; Nesterov 1983). */
export interface SgdSettings {
  readonly learningRate: number;
  readonly momentum: number;
  /** The update looks ahead: gradient + momentum · new momentum. */ readonly nesterov: boolean;
  readonly weightDecay: number;
  /** Decay acts on the parameter (true), or is added to the gradient, as an L2 penalty is (false). */
  readonly decoupled: boolean;
}

/** One step of the kernel `adafactor` (Shazeer & Stern 2018). */
export interface AdafactorSettings {
  /** The parameter is (matrices, rows, columns). */
  readonly matrices: number;
  readonly rows: number;
  readonly columns: number;
  /** Relative to the parameter's size: the update's root mean square is at most this times the parameter's. */
  readonly learningRate: number;
  /** 1 − β₂: the weight of this step's squares in the means. */ readonly newShare: number;
  /** Least root of a second moment. */ readonly epsilon1: number;
  /** Least size of the parameter that the learning rate is relative to. */ readonly epsilon2: number;
  /** Largest root mean square of an update before the learning rate. */ readonly clipThreshold: number;
  readonly weightDecay: number;
  /** 1 for the first update. */ readonly step: number;
}

/** What a device can do, and how: asked for instead of its name. */
export interface DeviceCapabilities {
  /** Whether it holds numbers; one that only counts has none to set or to read. */
  readonly values: boolean;
  /** Whether a kernel may return before its work is done; see {@link Device.synchronize}. */
  readonly asynchronous: boolean;
  /** Bytes of what is logically a float32. */
  readonly floatBytes: 4 | 8;
  /** How weights can be kept. */
  readonly weightDTypes: readonly WeightDType[];
  /** How products can be computed. */
  readonly precisions: readonly Precision[];
  /** Whose results have the same bits: "avx2". A run notes them, to say when it goes on with others. */
  readonly kernels: string;
}

/** See kernels.ts for the kernels beside those that stand here. */
export interface Device
  extends FunctionKernels, ArrayKernels, RecurrentKernels, ExpertKernels, ScalarKernels, SamplingKernels {
  /** As its definition has it: for messages, never to be compared. */
  readonly name: string;
  readonly capabilities: DeviceCapabilities;

  // -- memory
  /** Zeroed memory that lives until {@link release}: parameters, optimizer state, caches. */
  allocate(dtype: DType, length: number): Storage;
  /** The same for a matrix (rows, width); {@link write} rounds float values to its dtype, {@link read} gives them back. */
  allocateMatrix(dtype: WeightDType, rows: number, width: number): Storage;
  /** Gives back what {@link allocate} or {@link allocateMatrix} gave. @throws NuwaError SHAPE for a part of one, or an arena's */
  release(storage: Storage): void;
  createArena(): Arena;
  /** Copies from host memory. */
  write(storage: Storage, data: ArrayLike<number>): void;
  /**
   * Copies to host memory what the storage holds once every kernel called before is done; kernels called after do not
   * show. A device may work on meanwhile.
   */
  read(storage: Storage): Promise<HostArray>;
  /** The same at once, on a device whose memory the host sees; see {@link readNow}. */
  readNow?(storage: Storage): HostArray;
  /** Resolves when every kernel called so far is done. */
  synchronize(): Promise<void>;
  /** Stops threads and frees what the device holds. */
  dispose(): void;

  // -- elementwise
  fill(x: Storage, value: number): void;
  copy(out: Storage, x: Storage): void;
  /** out = alpha·a + beta·b; out may be a or b. */
  axpby(out: Storage, a: Storage, alpha: number, b: Storage, beta: number): void;
  /** out = (out +) a ⊙ b */
  multiply(out: Storage, a: Storage, b: Storage, accumulate: boolean): void;
  activation(out: Storage, x: Storage, kind: Activation): void;
  activationBackward(dx: Storage, dout: Storage, x: Storage, kind: Activation, accumulate: boolean): void;
  /** out = activation(gate) ⊙ up; SwiGLU with `silu`. */
  gated(out: Storage, gate: Storage, up: Storage, kind: Activation): void;
  /** Writes dgate and dup. */
  gatedBackward(dgate: Storage, dup: Storage, dout: Storage, gate: Storage, up: Storage, kind: Activation): void;
  /** out = (out +) x ⊙ mask / (1 − p). Its own gradient: the same mask comes from the same counter. */
  dropout(out: Storage, x: Storage, dims: DropoutDims): void;

  // -- reductions, in a fixed order, summed in float64
  /** out[index] = Σ x */
  sum(out: Storage, index: number, x: Storage): void;
  /** out[index] = Σ x² */
  sumOfSquares(out: Storage, index: number, x: Storage): void;
  /** out (rows) int32 = position of the first largest value of each row of x (rows, width). */
  argmax(out: Storage, x: Storage, rows: number, width: number): void;

  // -- products
  /** out (M, N) = (out +) A·B */
  matmul(out: Storage, a: Storage, b: Storage, dims: MatmulDims): void;
  /**
   * out (rows, outputs) = x (rows, inputs) · weightᵀ + bias, weight (outputs, inputs) of any {@link WeightDType}. With
   * an int8 weight, x may be rounded to 16 bits beside the largest of its 32 neighbours.
   */
  linear(out: Storage, x: Storage, weight: Storage, bias: Storage | null, dims: LinearDims): void;
  /** dx (rows, inputs) = (dx +) dout · weight */
  linearBackwardInput(dx: Storage, dout: Storage, weight: Storage, dims: LinearDims, accumulate: boolean): void;
  /** dweight (outputs, inputs) = (dweight +) doutᵀ · x */
  linearBackwardWeight(dweight: Storage, dout: Storage, x: Storage, dims: LinearDims, accumulate: boolean): void;
  /** dbias (outputs) = (dbias +) column sums of dout (rows, outputs) */
  linearBackwardBias(dbias: Storage, dout: Storage, dims: LinearDims, accumulate: boolean): void;

  // -- embedding
  /** out (rows, width) = table[ids], table of any {@link WeightDType} */
  embedding(out: Storage, table: Storage, ids: Storage, rows: number, width: number): void;
  /** dtable[ids] += dout, in the order of the rows. */
  embeddingBackward(dtable: Storage, dout: Storage, ids: Storage, rows: number, width: number): void;

  // -- normalisation over the last axis
  /** weight and bias (width) or null; mean and rstd (rows) are kept for the backward. */
  layerNorm(
    out: Storage,
    mean: Storage,
    rstd: Storage,
    x: Storage,
    weight: Storage | null,
    bias: Storage | null,
    dims: NormDims,
  ): void;
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
  ): void;
  rmsNorm(out: Storage, rstd: Storage, x: Storage, weight: Storage | null, dims: NormDims): void;
  rmsNormBackward(
    dx: Storage,
    dweight: Storage | null,
    dout: Storage,
    x: Storage,
    weight: Storage | null,
    rstd: Storage,
    dims: NormDims,
    accumulate: { readonly dx: boolean; readonly parameters: boolean },
  ): void;

  // -- attention
  /**
   * Rotary position embedding: pairs (i, i + D/2) are rotated, as in GPT-NeoX and Hugging Face LLaMA.
   * x and out (B, T, H, D), may be the same; table (positions, D) holds D/2 cosines, then D/2 sines.
   */
  rope(out: Storage, x: Storage, table: Storage, dims: RopeDims): void;
  /** out (B, T, H, D) = softmax(q·kᵀ·scale + biases)·v; logSumExp (B, H, T) is kept for the backward. */
  attention(out: Storage, logSumExp: Storage, inputs: AttentionInputs, dims: AttentionDims): void;
  /** out, q (B, 1, H, D); k, v (B, 1, K, D): rotates, appends to the caches, attends; not one text's bits depend on another. */
  attentionStep(out: Storage, q: Storage, k: Storage, v: Storage, dims: AttentionStepDims): void;
  /** Writes the gradients. Only without a cache: capacity = S. */
  attentionBackward(
    gradients: AttentionGradients,
    dout: Storage,
    out: Storage,
    logSumExp: Storage,
    inputs: AttentionInputs,
    dims: AttentionDims,
  ): void;

  // -- loss
  /**
   * losses (rows) = (−Σ q·log softmax(logits) + zLoss·(log Σ exp)²) · weight, with q = 1 for the target when there is no
   * label smoothing; targets int32 (rows), a negative target counts as weight 0;
   * weights (rows) or null for all 1. The gradient, if asked for, carries the weights too.
   */
  crossEntropy(
    losses: Storage,
    logits: Storage,
    targets: Storage,
    weights: Storage | null,
    dims: CrossEntropyDims,
  ): void;

  // -- optimizers, one pass over the parameter
  // `scale` is one element that gradients are multiplied by first, null for 1. Where it is 0 the step must not be taken:
  // parameters, state and gradients stay as they are.
  /** Loshchilov & Hutter 2019, decoupled decay: p −= lr·(m̂/(√v̂ + ε) + decay·p) */
  adamW(
    parameter: Storage,
    gradient: Storage,
    m: Storage,
    v: Storage,
    scale: Storage | null,
    settings: AdamWSettings,
  ): void;
  /** Chen et al. 2023, program 1: p −= lr·(sign(β₁·m + (1 − β₁)·g) + decay·p); then m = β₂·m + (1 − β₂)·g */
  lion(parameter: Storage, gradient: Storage, m: Storage, scale: Storage | null, settings: LionSettings): void;
  /** m = momentum·m + g; p −= lr·m, or with Nesterov lr·(g + momentum·m). Without a momentum, m is null. */
  sgd(parameter: Storage, gradient: Storage, m: Storage | null, scale: Storage | null, settings: SgdSettings): void;
  /**
   * Muon's momentum: m = β·m + (1 − β)·g; the gradient is overwritten by the look-ahead (1 − β)·g + β·m, where g is the
   * gradient times `scale`.
   */
  nesterov(m: Storage, gradient: Storage, scale: Storage | null, beta: number): void;
  /**
   * Shazeer & Stern 2018, as PyTorch has it: row (matrices, rows) and column (matrices, columns) hold running means of
   * g²; v̂ = row·column / mean(row). With `column` null, row has the parameter's size and holds a mean for each element.
   * The update g/√v̂ is clipped by its root mean square, and the learning rate is relative to the parameter's.
   */
  adafactor(
    parameter: Storage,
    gradient: Storage,
    row: Storage,
    column: Storage | null,
    scale: Storage | null,
    settings: AdafactorSettings,
  ): void;
}
