/**
 * Kernels beside the core ones of `device.ts`: functions and softmax, moves and sums along axes, recurrences, experts.
 * The same rules hold: contiguous row-major storages, dtypes and lengths checked in checks.ts, the same bits for any number of threads.
 * Along axes, a shape is (outer, size, inner): `size` is the axis, `outer` and `inner` the products beside it.
 */
import type { Storage } from "./storage.ts";

/** `log_sigmoid` is log σ(x) = −softplus(−x). */
export type UnaryFunction = "tanh" | "sigmoid" | "exp" | "log" | "log_sigmoid" | "square";

/** A tensor as rows of `width` elements. */
export interface RowDims {
  readonly rows: number;
  readonly width: number;
}

/** Sizes of the linear kernels: x (rows, inputs), weight (outputs, inputs). */
export interface LinearDims {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
}

/** Kernels of elementwise functions and of softmax along rows. */
export interface FunctionKernels {
  /** out = f(x), element by element; out may be x. */
  unary(out: Storage, x: Storage, kind: UnaryFunction): void;
  /** dx = (dx +) dout ⊙ f′(x); dx may be dout. */
  unaryBackward(dx: Storage, dout: Storage, x: Storage, kind: UnaryFunction, accumulate: boolean): void;
  /** Each row of out (rows, width) = softmax(x), or its logarithm. */
  softmax(out: Storage, x: Storage, dims: RowDims, logarithm: boolean): void;
  /** dx = (dx +) the gradient; `out` is what {@link softmax} gave. */
  softmaxBackward(
    dx: Storage,
    dout: Storage,
    out: Storage,
    dims: RowDims,
    logarithm: boolean,
    accumulate: boolean,
  ): void;
  /** out (rows) = log Σ exp x (rows, width) */
  logSumExp(out: Storage, x: Storage, dims: RowDims): void;
  /** dx (rows, width) = (dx +) softmax(x) · dout (rows); `out` is what {@link logSumExp} gave. */
  logSumExpBackward(dx: Storage, dout: Storage, x: Storage, out: Storage, dims: RowDims, accumulate: boolean): void;
}

/** Blocks of elements that lie at even distances. */
export interface BlockDims {
  /** Blocks. */ readonly count: number;
  /** Elements of each. */ readonly length: number;
  /** From one block of `out` to the next. */ readonly outStride: number;
  /** From one block of `x` to the next. */ readonly xStride: number;
}

/** A tensor as (outer, size, inner): `size` is the axis that a kernel works along. */
export interface AxisDims {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}

/** Two axes of a tensor that change places: (outer, first, middle, second, inner). */
export interface SwapDims {
  readonly outer: number;
  readonly first: number;
  readonly middle: number;
  readonly second: number;
  readonly inner: number;
}

/** Kernels that move, pick and sum elements along axes. */
export interface ArrayKernels {
  /** out[i·outStride + j] = (out +) x[i·xStride + j] for i < count, j < length. Any dtype; adding, float32 only. */
  copyBlocks(out: Storage, x: Storage, dims: BlockDims, accumulate: boolean): void;
  /** out (outer, second, middle, first, inner) = x (outer, first, middle, second, inner), any dtype. */
  swapAxes(out: Storage, x: Storage, dims: SwapDims): void;
  /** out[o, p, i] = x[o, ids[o, p, i], i]; ids (outer, picks, inner) int32 in [0, size). */
  gather(out: Storage, x: Storage, ids: Storage, dims: AxisDims, picks: number): void;
  /** dx[o, ids[o, p, i], i] += dout[o, p, i], in the order of p. */
  gatherBackward(dx: Storage, dout: Storage, ids: Storage, dims: AxisDims, picks: number): void;
  /** out (outer, inner) = scale · Σ over the axis, summed in float64 in a fixed order. */
  sumAxis(out: Storage, x: Storage, dims: AxisDims, scale: number): void;
  /** out (outer, size, inner) = (out +) scale · x (outer, inner) */
  broadcastAxis(out: Storage, x: Storage, dims: AxisDims, scale: number, accumulate: boolean): void;
}

/**
 * Gate order and formulas are PyTorch's. σ is the sigmoid, h the state, x′ = x·weightInputᵀ + biasInput,
 * h′ = h·weightᵀ + bias:
 * - `lstm` (i, f, g, o): c = σ(f)·c + σ(i)·tanh(g), h = σ(o)·tanh(c), each gate x′ + h′
 * - `gru` (r, z, n): r and z are σ(x′ + h′), n = tanh(x′ + r·h′), h = (1 − z)·n + z·h
 * - `rnn_tanh`, `rnn_relu`: h = f(x′ + h′)
 */
export type RecurrentKind = "lstm" | "gru" | "rnn_tanh" | "rnn_relu";

/** Sizes of the recurrent kernels: B texts, T time steps, H hidden units. */
export interface RecurrentDims {
  readonly kind: RecurrentKind;
  readonly B: number;
  readonly T: number;
  /** Width of the state. */ readonly H: number;
}

/** Gates of a kind: 4, 3 or 1. */
export function gateCount(kind: RecurrentKind): number {
  return kind === "lstm" ? 4 : kind === "gru" ? 3 : 1;
}

/** The buffers of a recurrent layer's backward pass. */
export interface RecurrentBackward {
  /** (B, T, G·H): what the forward left; becomes the gradient of x′. */ readonly gates: Storage;
  /** GRU: (B, T, G·H), the gradient of h′, written. Otherwise null: it is that of x′. */
  readonly hiddenGates: Storage | null;
  /** (B, H), written, or null when nothing needs it. */ readonly dhidden: Storage | null;
  /** LSTM: (B, H), written, or null. */ readonly dcell: Storage | null;
  /** (B, T, H) */ readonly dout: Storage;
  /** LSTM: gradient of the last cell (B, H), or null for 0. */ readonly dlastCell: Storage | null;
  readonly memory: Storage | null;
  readonly out: Storage;
  readonly hidden: Storage | null;
  readonly cell: Storage | null;
  readonly weight: Storage;
}

/** Kernels of whole sequences of an LSTM, a GRU or a plain recurrent network. */
export interface RecurrentKernels {
  /**
   * out (B, T, H) = the states. `gates` (B, T, G·H) comes as x′ and leaves as the gates' values, for the backward;
   * `memory` (B, T, H) is written: cells for an LSTM, the third h′ for a GRU, else null. hidden and cell (B, H) are the
   * first state, null for zeros; weight (G·H, H); bias (G·H) or null.
   */
  recurrent(
    out: Storage,
    gates: Storage,
    memory: Storage | null,
    hidden: Storage | null,
    cell: Storage | null,
    weight: Storage,
    bias: Storage | null,
    dims: RecurrentDims,
  ): void;
  /** Gradients of the gates and of the first state; the weights' are products of these. */
  recurrentBackward(storages: RecurrentBackward, dims: RecurrentDims): void;
}

/** Rows, and how many experts each chooses. */
export interface RoutingDims {
  /** Tokens. */ readonly rows: number;
  /** Experts that each token chooses. */ readonly choices: number;
}

/** Sizes of `groupRows`: rows sorted by the experts that they go to, at most `capacity` an expert. */
export interface GroupingDims extends RoutingDims {
  readonly experts: number;
  /** Most rows that an expert takes; further ones, in the order of the tokens, are dropped. */
  readonly capacity: number;
}

/** Sizes of `combineRows`: what experts made of chosen rows, put back into rows of `width`. */
export interface CombineDims extends RoutingDims {
  readonly width: number;
}

/** Kernels of expert routing: choosing experts, grouping rows by expert, combining what they made. */
export interface ExpertKernels {
  /** ids (rows, count) int32: positions of the largest elements of x (rows, width), largest first, lower index first. */
  topK(ids: Storage, x: Storage, dims: RowDims, count: number): void;
  /**
   * Orders the choices ids (rows, choices) by expert, those of one expert in the order of the tokens. Writes
   * tokens (rows·choices) int32: the token of each grouped row, dropped ones last; position (rows, choices) int32: the
   * grouped row of each choice, −1 when dropped; offsets (experts + 1) int32: expert e has rows offsets[e] up to
   * offsets[e + 1]; shares (experts) float32: choices of each expert, dropped ones too, divided by rows.
   */
  groupRows(
    tokens: Storage,
    position: Storage,
    offsets: Storage,
    shares: Storage,
    ids: Storage,
    dims: GroupingDims,
  ): void;
  /** out (rows, width) = (out +) Σ over choices of weights (rows, choices; null for 1) · y[position]. */
  combineRows(
    out: Storage,
    y: Storage,
    weights: Storage | null,
    position: Storage,
    dims: CombineDims,
    accumulate: boolean,
  ): void;
  /** dy[position] = weights · dout, other rows are left; dweights (rows, choices) = dout · y[position], 0 when dropped. */
  combineRowsBackward(
    dy: Storage,
    dweights: Storage,
    dout: Storage,
    y: Storage,
    weights: Storage,
    position: Storage,
    dims: CombineDims,
  ): void;
  /**
   * Rows offsets[e] up to offsets[e + 1] of out = those of x (rows, inputs) · weight[e]ᵀ; weight (E, outputs, inputs).
   * Rows of no group are left.
   */
  groupedLinear(out: Storage, x: Storage, weight: Storage, offsets: Storage, dims: LinearDims): void;
  /** dx (rows, inputs) = dout · weight[e]; rows of no group are left. */
  groupedLinearBackwardInput(
    dx: Storage,
    dout: Storage,
    weight: Storage,
    offsets: Storage,
    dims: LinearDims,
    accumulate: boolean,
  ): void;
  /** dweight[e] = (dweight[e] +) doutᵀ · x over the rows of e. */
  groupedLinearBackwardWeight(
    dweight: Storage,
    dout: Storage,
    x: Storage,
    offsets: Storage,
    dims: LinearDims,
    accumulate: boolean,
  ): void;
}

/** Kernels that read or write single elements, so that a step's norm, scale and verdict never cross to the host. */
export interface ScalarKernels {
  /** out = factor[0] · x; out may be x. */
  multiplyScalar(out: Storage, x: Storage, factor: Storage): void;
  /** out = x / (√squares[0] + epsilon); out may be x. */
  normalize(out: Storage, x: Storage, squares: Storage, epsilon: number): void;
  /** parameter = keep · parameter + rate · update, unless scale[0] is 0; a null `scale` is 1. */
  applyUpdate(parameter: Storage, update: Storage, scale: Storage | null, factors: UpdateFactors): void;
  /**
   * out (3) = norm, factor, finite: norm = √Σ squares, summed in float64; factor = min(1, maxNorm / (norm + 10⁻⁶)), or 0
   * when not finite; finite is 1 when the norm and all of `values` are finite, else 0.
   */
  clipGradients(out: Storage, values: Storage | null, squares: Storage, maxNorm: number): void;
}

/** Factors of one optimizer update: of what was there, and of what is added. */
export interface UpdateFactors {
  /** What is left of the parameter. */ readonly keep: number;
  readonly rate: number;
}

/** How a token is drawn from its logits, in this order. */
export interface DrawSettings {
  /** Divides the positive logits of the history's distinct ids, multiplies the negative ones; 1 for none. */
  readonly repetitionPenalty: number;
  /** Divides the logits; 0 takes the first largest. */
  readonly temperature: number;
  /** Only the k largest logits, equal ones by id; 0 for all. */
  readonly topK: number;
  /** Only the fewest tokens whose probabilities reach p together; 1 for all. */
  readonly topP: number;
  /** Only tokens at least this share as probable as the most probable; 0 for all. */
  readonly minP: number;
  /** In [0, 1): which of the tokens left, from the most probable on, by their summed probabilities. */
  readonly uniform: number;
}

/** Kernels that draw a token from logits on the device. */
export interface SamplingKernels {
  /**
   * ids[row] (int32) = a token drawn from logits (V); logprobs[row] = its log probability under the logits as they come.
   * −1 and NaN when a logit is NaN or infinite, or none is finite. `history` (int32) is for the penalty, or null.
   */
  sampleToken(
    ids: Storage,
    logprobs: Storage,
    row: number,
    logits: Storage,
    history: Storage | null,
    settings: DrawSettings,
  ): void;
}
