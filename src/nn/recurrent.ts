import {
  type Device,
  dropout,
  gru,
  lstm,
  type RecurrentResult,
  type RecurrentWeights,
  rnn,
  type Tape,
  Tensor,
} from "../tensor/index.ts";
import { NuwaError } from "../text/index.ts";
import type { ModelParameter, ParameterStore } from "./parameters.ts";

/** Sizes of a recurrent layer. */
export interface RecurrentOptions {
  /** I */ readonly inputs: number;
  /** H */ readonly hiddenSize: number;
  /** Layers, each reading the outputs of the one before; default 1. */ readonly layers?: number;
  /** Probability of dropping an element between two layers (not after the last, as in PyTorch); default 0. */
  readonly dropout?: number;
  /** Default true. */ readonly bias?: boolean;
}

/** What a recurrent network remembers: for each layer its hidden state (B, H), and for an LSTM its cell (B, H). */
export interface RecurrentState {
  readonly hidden: readonly Tensor[];
  /** Empty but for an LSTM. */ readonly cell: readonly Tensor[];
}

/** What a recurrent layer gives: each time step's output, and the state after the last. */
export interface RecurrentOutput {
  /** (B, T, H): the last layer's state after each time step. */ readonly output: Tensor;
  /** The state after the last time step. */ readonly state: RecurrentState;
}

interface LayerResult extends RecurrentResult {
  readonly cell?: Tensor;
}

/**
 * Layers of one kind of recurrence. Parameters have PyTorch's names and layout (`weight_ih_l0`, `weight_hh_l0`,
 * `bias_ih_l0`, `bias_hh_l0`, …), so that its weights carry over.
 */
abstract class Recurrent {
  readonly layers: readonly (RecurrentWeights & { readonly weightInput: ModelParameter })[];
  readonly #dropout: number;

  constructor(store: ParameterStore, name: string, gates: number, options: RecurrentOptions) {
    const { inputs, hiddenSize: H, layers = 1, bias = true } = options;
    this.#dropout = options.dropout ?? 0;
    this.layers = Array.from({ length: layers }, (_, i) => ({
      weightInput: store.parameter(`${name}.weight_ih_l${i}`, [gates * H, i === 0 ? inputs : H], "matrix"),
      weightHidden: store.parameter(`${name}.weight_hh_l${i}`, [gates * H, H], "matrix"),
      biasInput: bias ? store.parameter(`${name}.bias_ih_l${i}`, [gates * H], "vector") : undefined,
      biasHidden: bias ? store.parameter(`${name}.bias_hh_l${i}`, [gates * H], "vector") : undefined,
    }));
  }

  protected abstract layer(
    tape: Tape,
    x: Tensor,
    weights: RecurrentWeights,
    hidden: Tensor | undefined,
    cell: Tensor | undefined,
  ): LayerResult;

  /**
   * x (B, T, I) -> output (B, T, H) and the state after it. A state that is passed on belongs to the same tape;
   * {@link CarriedState} carries one over to the next, for truncated backpropagation through time.
   *
   * @throws NuwaError SHAPE
   */
  forward(tape: Tape, x: Tensor, state?: RecurrentState): RecurrentOutput {
    if (state !== undefined && state.hidden.length !== this.layers.length) {
      throw new NuwaError("SHAPE", `expected a state of ${this.layers.length} layers, got ${state.hidden.length}`);
    }
    const hidden: Tensor[] = [];
    const cell: Tensor[] = [];
    let output = x;
    for (const [i, weights] of this.layers.entries()) {
      const entering = i === 0 ? output : dropout(tape, output, this.#dropout);
      const result = this.layer(tape, entering, weights, state?.hidden[i], state?.cell[i]);
      output = result.output; // (B, T, H)
      hidden.push(result.hidden);
      if (result.cell !== undefined) cell.push(result.cell);
    }
    return { output, state: { hidden, cell } };
  }
}

/**
 * Long short-term memory; see the op `lstm`.
 *
 * @example
 * const layers = new Lstm(store, "lstm", { inputs: C, hiddenSize: H, layers: 2, dropout: 0.2 });
 * const { output, state } = layers.forward(tape, x); // (B, T, C) -> (B, T, H)
 */
export class Lstm extends Recurrent {
  constructor(store: ParameterStore, name: string, options: RecurrentOptions) {
    super(store, name, 4, options);
  }

  protected layer(tape: Tape, x: Tensor, weights: RecurrentWeights, hidden?: Tensor, cell?: Tensor): LayerResult {
    return lstm(tape, x, weights, hidden === undefined || cell === undefined ? undefined : { hidden, cell });
  }
}

/** Gated recurrent units; see the op `gru`. */
export class Gru extends Recurrent {
  constructor(store: ParameterStore, name: string, options: RecurrentOptions) {
    super(store, name, 3, options);
  }

  protected layer(tape: Tape, x: Tensor, weights: RecurrentWeights, hidden?: Tensor): LayerResult {
    return gru(tape, x, weights, hidden);
  }
}

/** The plain recurrent network; see the op `rnn`. */
export class Rnn extends Recurrent {
  readonly #nonlinearity: "tanh" | "relu";

  constructor(
    store: ParameterStore,
    name: string,
    options: RecurrentOptions & { readonly nonlinearity?: "tanh" | "relu" },
  ) {
    super(store, name, 1, options);
    this.#nonlinearity = options.nonlinearity ?? "tanh";
  }

  protected layer(tape: Tape, x: Tensor, weights: RecurrentWeights, hidden?: Tensor): LayerResult {
    return rnn(tape, x, weights, { nonlinearity: this.#nonlinearity, hidden });
  }
}

/**
 * A state that outlives its tape: in memory of its own, without gradients. Training on the next piece of a text goes on
 * from it, and gradients stop there.
 *
 * @example
 * const carried = new CarriedState(device);
 * const { output, state } = layers.forward(tape, x, carried.state);
 * carried.save(state); // before the arena is reset
 */
export class CarriedState {
  readonly #device: Device;
  #state: RecurrentState | undefined;

  constructor(device: Device) {
    this.#device = device;
  }

  /** What was saved last; undefined before that and after {@link reset}: zeros. */
  get state(): RecurrentState | undefined {
    return this.#state;
  }

  /** Copies a state, into the same memory when the shapes are the same. */
  save(state: RecurrentState): void {
    const saved = [...state.hidden, ...state.cell];
    const own = this.#tensors();
    const fits = own.length === saved.length && own.every((tensor, i) => tensor.length === saved[i]?.length);
    if (!fits) {
      this.reset();
      const like = ({ shape, length }: Tensor) =>
        new Tensor(this.#device, this.#device.allocate("float32", length), shape);
      this.#state = { hidden: state.hidden.map(like), cell: state.cell.map(like) };
    }
    for (const [i, tensor] of this.#tensors().entries()) {
      const from = saved[i];
      if (from !== undefined) this.#device.copy(tensor.storage, from.storage);
    }
  }

  /** Forgets: the next text begins with zeros. Gives the memory back. */
  reset(): void {
    for (const tensor of this.#tensors()) this.#device.release(tensor.storage);
    this.#state = undefined;
  }

  #tensors(): Tensor[] {
    return this.#state === undefined ? [] : [...this.#state.hidden, ...this.#state.cell];
  }
}
