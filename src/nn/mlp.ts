import { type Activation, activationLinear, gated, type Tape, type Tensor } from "../tensor/index.ts";
import { Linear } from "./linear.ts";
import type { ParameterStore } from "./parameters.ts";

/** Sizes of a feed-forward layer. */
export interface MlpOptions {
  /** C */ readonly hiddenSize: number;
  /** Width between the two layers. */ readonly intermediateSize: number;
  readonly activation: Activation;
  readonly bias: boolean;
}

/** A feed-forward layer: x (B, T, C) -> (B, T, C), the same at each time step. */
export interface FeedForward {
  forward(tape: Tape, x: Tensor): Tensor;
}

/** down(activation(up(x))) */
export class Mlp implements FeedForward {
  readonly up: Linear;
  readonly down: Linear;
  readonly #activation: Activation;

  constructor(store: ParameterStore, name: string, options: MlpOptions) {
    const { hiddenSize, intermediateSize, bias } = options;
    this.up = new Linear(store, `${name}.up_proj`, { inputs: hiddenSize, outputs: intermediateSize, bias });
    this.down = new Linear(store, `${name}.down_proj`, { inputs: intermediateSize, outputs: hiddenSize, bias });
    this.#activation = options.activation;
  }

  forward(tape: Tape, x: Tensor): Tensor {
    const raised = this.up.forward(tape, x); // (B, T, C) -> (B, T, intermediate)
    return activationLinear(tape, raised, this.#activation, this.down.weight, this.down.bias); // -> (B, T, C)
  }
}

/** down(activation(gate(x)) ⊙ up(x)), Shazeer 2020; with `silu` it is SwiGLU. */
export class GatedMlp implements FeedForward {
  readonly gate: Linear;
  readonly up: Linear;
  readonly down: Linear;
  readonly #activation: Activation;

  constructor(store: ParameterStore, name: string, options: MlpOptions) {
    const { hiddenSize, intermediateSize, bias } = options;
    this.gate = new Linear(store, `${name}.gate_proj`, { inputs: hiddenSize, outputs: intermediateSize, bias });
    this.up = new Linear(store, `${name}.up_proj`, { inputs: hiddenSize, outputs: intermediateSize, bias });
    this.down = new Linear(store, `${name}.down_proj`, { inputs: intermediateSize, outputs: hiddenSize, bias });
    this.#activation = options.activation;
  }

  forward(tape: Tape, x: Tensor): Tensor {
    const gate = this.gate.forward(tape, x); // (B, T, C) -> (B, T, intermediate)
    const up = this.up.forward(tape, x); // (B, T, C) -> (B, T, intermediate)
    return this.down.forward(tape, gated(tape, gate, up, this.#activation)); // -> (B, T, C)
  }
}
