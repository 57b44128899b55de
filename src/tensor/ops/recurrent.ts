import { gateCount, type RecurrentKind } from "../kernels.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { checkInputs, sameShape, shapeError } from "./check.ts";

/** Weights of one layer, in PyTorch's layout: G is 4 gates (i, f, g, o) for an LSTM, 3 (r, z, n) for a GRU, else 1. */
export interface RecurrentWeights {
  /** (G·H, I) */ readonly weightInput: Tensor;
  /** (G·H, H) */ readonly weightHidden: Tensor;
  /** (G·H) */ readonly biasInput?: Tensor | undefined;
  /** (G·H) */ readonly biasHidden?: Tensor | undefined;
}

/** What {@link gru} and {@link rnn} give: each time step's hidden state, and the last one. */
export interface RecurrentResult {
  /** (B, T, H): the state after each time step. */ readonly output: Tensor;
  /** (B, H): the last of them, to go on from. */ readonly hidden: Tensor;
}

/** The state of an LSTM between time steps. */
export interface LstmState {
  /** (B, H) */ readonly hidden: Tensor;
  /** (B, H) */ readonly cell: Tensor;
}

/** What {@link lstm} gives: each time step's hidden state, and the last state. */
export interface LstmResult extends LstmState {
  /** (B, T, H): the state after each time step. */ readonly output: Tensor;
}

/**
 * Long short-term memory over a whole sequence (Hochreiter & Schmidhuber 1997; Gers et al. 2000). Gates, their order
 * (i, f, g, o) and the two biases are torch.nn.LSTM's. The inputs of all time steps are projected by one product; the
 * recurrence and its backward are one kernel each.
 *
 * @param x (B, T, I)
 * @param state hidden and cell (B, H) to start from; zeros when it is not given
 * @returns output (B, T, H), and the last hidden and cell (B, H); gradients flow through all three
 * @throws NuwaError SHAPE
 *
 * @example
 * const { output, hidden, cell } = lstm(tape, x, { weightInput, weightHidden, biasInput, biasHidden });
 */
export function lstm(tape: Tape, x: Tensor, weights: RecurrentWeights, state?: LstmState): LstmResult {
  const { output, hidden, cell } = sequence("lstm", "lstm", tape, x, weights, state?.hidden, state?.cell);
  if (cell === undefined) throw new Error("lstm: an LSTM has a cell");
  return { output, hidden, cell };
}

/**
 * Gated recurrent units (Cho et al. 2014) as torch.nn.GRU has them: gates r, z, n, the hidden bias of n inside the
 * reset gate's reach.
 *
 * @param x (B, T, I)
 * @param hidden (B, H) to start from; zeros when it is not given
 * @throws NuwaError SHAPE
 */
export function gru(tape: Tape, x: Tensor, weights: RecurrentWeights, hidden?: Tensor): RecurrentResult {
  return sequence("gru", "gru", tape, x, weights, hidden, undefined);
}

/**
 * The plain recurrent network, h = f(x·weightInputᵀ + h·weightHiddenᵀ + biases) (Elman 1990).
 *
 * @param x (B, T, I)
 * @param hidden (B, H) to start from; zeros when it is not given
 * @throws NuwaError SHAPE
 */
export function rnn(
  tape: Tape,
  x: Tensor,
  weights: RecurrentWeights,
  options: { readonly nonlinearity?: "tanh" | "relu"; readonly hidden?: Tensor | undefined } = {},
): RecurrentResult {
  const kind = options.nonlinearity === "relu" ? "rnn_relu" : "rnn_tanh";
  return sequence("rnn", kind, tape, x, weights, options.hidden, undefined);
}

interface Sizes {
  readonly B: number;
  readonly T: number;
  readonly I: number;
  readonly H: number;
}

function checkSizes(
  op: string,
  kind: RecurrentKind,
  tape: Tape,
  x: Tensor,
  weights: RecurrentWeights,
  states: Readonly<Record<string, Tensor | undefined>>,
): Sizes {
  const { weightInput, weightHidden, biasInput, biasHidden } = weights;
  checkInputs(op, tape, { x, weightInput, weightHidden, biasInput, biasHidden, ...states });
  const [B, T, I] = x.shape;
  const [rows, H] = weightHidden.shape;
  const G = gateCount(kind);
  const gates = G === 1 ? "H" : `${G}·H`;
  if (B === undefined || T === undefined || I === undefined || x.shape.length !== 3 || T === 0) {
    throw shapeError(op, "x (B, T, I) with at least one time step", { x, weightInput });
  }
  if (H === undefined || rows !== G * H || weightHidden.shape.length !== 2) {
    throw shapeError(op, `weightHidden (${gates}, H)`, { weightHidden, x });
  }
  if (!sameShape(weightInput.shape, [G * H, I])) {
    throw shapeError(op, `weightInput (${gates}, I) for x (B, T, I)`, { x, weightInput, weightHidden });
  }
  for (const [label, bias] of Object.entries({ biasInput, biasHidden })) {
    if (bias !== undefined && !sameShape(bias.shape, [G * H])) {
      throw shapeError(op, `${label} (${gates}) for weightHidden (${gates}, H)`, { [label]: bias, weightHidden });
    }
  }
  for (const [label, state] of Object.entries(states)) {
    if (state !== undefined && !sameShape(state.shape, [B, H])) {
      throw shapeError(op, `${label} (B, H)`, { [label]: state, x, weightHidden });
    }
  }
  return { B, T, I, H };
}

function sequence(
  op: string,
  kind: RecurrentKind,
  tape: Tape,
  x: Tensor,
  weights: RecurrentWeights,
  hidden: Tensor | undefined,
  cell: Tensor | undefined,
): RecurrentResult & { readonly cell: Tensor | undefined } {
  const { weightInput, weightHidden, biasInput, biasHidden } = weights;
  const { B, T, I, H } = checkSizes(op, kind, tape, x, weights, { hidden, cell });
  const { device } = tape;
  const dims = { kind, B, T, H };
  const width = gateCount(kind) * H;
  const projection = { rows: B * T, inputs: I, outputs: width };
  const recurrence = { rows: B * T, inputs: H, outputs: width };

  const inputs = [x, weightInput, weightHidden, biasInput, biasHidden, hidden, cell];
  const output = tape.output([B, T, H], inputs);
  const gates = tape.empty([B, T, width]);
  const memory = kind === "lstm" || kind === "gru" ? tape.empty([B, T, H]) : undefined;
  device.linear(gates.storage, x.storage, weightInput.storage, biasInput?.storage ?? null, projection);
  device.recurrent(
    output.storage,
    gates.storage,
    memory?.storage ?? null,
    hidden?.storage ?? null,
    cell?.storage ?? null,
    weightHidden.storage,
    biasHidden?.storage ?? null,
    dims,
  );
  const lastOf = (states: Tensor) => {
    const last = tape.output([B, H], inputs);
    const from = states.storage.slice((T - 1) * H, states.length - (T - 1) * H);
    device.copyBlocks(last.storage, from, { count: B, length: H, outStride: H, xStride: T * H }, false);
    return last;
  };
  const lastHidden = lastOf(output);
  const lastCell = kind === "lstm" && memory !== undefined ? lastOf(memory) : undefined;
  /** The gradient that reached the last cell, which comes before that of the output. */
  let dlastCell: Tensor | undefined;

  const backward = (dout: Tensor) => {
    const dhidden = hidden?.requiresGrad === true ? tape.gradientWrite(hidden) : undefined;
    const dcell = cell?.requiresGrad === true ? tape.gradientWrite(cell) : undefined;
    const hiddenGates = kind === "gru" ? tape.empty([B, T, width]) : undefined;
    device.recurrentBackward(
      {
        gates: gates.storage,
        hiddenGates: hiddenGates?.storage ?? null,
        dhidden: dhidden?.storage ?? null,
        dcell: dcell?.storage ?? null,
        dout: dout.storage,
        dlastCell: dlastCell?.storage ?? null,
        memory: memory?.storage ?? null,
        out: output.storage,
        hidden: hidden?.storage ?? null,
        cell: cell?.storage ?? null,
        weight: weightHidden.storage,
      },
      dims,
    );
    dhidden?.finish();
    dcell?.finish();
    if (dlastCell !== undefined) tape.free(dlastCell);
    const dproduct = hiddenGates ?? gates; // the gradient of the state's product
    if (weightHidden.requiresGrad) {
      const before = statesBefore(tape, output, hidden, dims);
      const { tensor, accumulate } = tape.gradient(weightHidden);
      device.linearBackwardWeight(tensor.storage, dproduct.storage, before.storage, recurrence, accumulate);
      tape.free(before);
    }
    for (const [bias, gradient] of [
      [biasInput, gates],
      [biasHidden, dproduct],
    ] as const) {
      if (bias?.requiresGrad !== true) continue;
      const { tensor, accumulate } = tape.gradient(bias);
      device.linearBackwardBias(tensor.storage, gradient.storage, projection, accumulate);
    }
    if (hiddenGates !== undefined) tape.free(hiddenGates);
    if (weightInput.requiresGrad) {
      const { tensor, accumulate } = tape.gradient(weightInput);
      device.linearBackwardWeight(tensor.storage, gates.storage, x.storage, projection, accumulate);
    }
    if (x.requiresGrad) {
      const { tensor, accumulate } = tape.gradient(x);
      device.linearBackwardInput(tensor.storage, gates.storage, weightInput.storage, projection, accumulate);
    }
  };
  tape.record(output, backward, memory === undefined ? [gates, output] : [gates, memory, output]);

  // Recorded after the output, so their backwards run before its own, and it then has all of its gradient.
  tape.record(lastHidden, (dlast) => {
    const whole = gradientOrZero(tape, output);
    const to = whole.storage.slice((T - 1) * H, whole.length - (T - 1) * H);
    device.copyBlocks(to, dlast.storage, { count: B, length: H, outStride: T * H, xStride: H }, true);
  });
  if (lastCell !== undefined) {
    tape.record(lastCell, (dlast) => {
      gradientOrZero(tape, output); // so that the output's backward runs, even when nothing else reads the output
      dlastCell = tape.empty([B, H]);
      device.copy(dlastCell.storage, dlast.storage);
    });
  }
  return { output, hidden: lastHidden, cell: lastCell };
}

/** A tensor's gradient to add to: 0 when it has none yet. */
function gradientOrZero(tape: Tape, tensor: Tensor): Tensor {
  const gradient = tape.gradient(tensor);
  if (!gradient.accumulate) tape.device.fill(gradient.tensor.storage, 0);
  return gradient.tensor;
}

/** (B, T, H): the state before each time step. */
function statesBefore(
  tape: Tape,
  output: Tensor,
  hidden: Tensor | undefined,
  { B, T, H }: { readonly B: number; readonly T: number; readonly H: number },
): Tensor {
  const { device } = tape;
  const before = tape.empty([B, T, H]);
  if (hidden === undefined) device.fill(before.storage, 0);
  else device.copyBlocks(before.storage, hidden.storage, { count: B, length: H, outStride: T * H, xStride: H }, false);
  if (T > 1) {
    const to = before.storage.slice(H, before.length - H);
    const dims = { count: B, length: (T - 1) * H, outStride: T * H, xStride: T * H };
    device.copyBlocks(to, output.storage, dims, false);
  }
  return before;
}
