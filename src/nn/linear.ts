import { embedding, linear, type Tape, type Tensor } from "../tensor/index.ts";
import type { ModelParameter, ParameterKind, ParameterStore } from "./parameters.ts";

/** Sizes of a {@link Linear} layer. */
export interface LinearOptions {
  readonly inputs: number;
  readonly outputs: number;
  readonly bias: boolean;
  /** Default `matrix`. */
  readonly kind?: ParameterKind;
}

/** x (…, inputs) -> (…, outputs): x·weightᵀ + bias, with weight (outputs, inputs) as in PyTorch. */
export class Linear {
  readonly weight: ModelParameter;
  readonly bias: ModelParameter | undefined;

  constructor(store: ParameterStore, name: string, options: LinearOptions) {
    const { inputs, outputs, bias, kind = "matrix" } = options;
    this.weight = store.parameter(`${name}.weight`, [outputs, inputs], kind);
    this.bias = bias ? store.parameter(`${name}.bias`, [outputs], "vector") : undefined;
  }

  forward(tape: Tape, x: Tensor): Tensor {
    return linear(tape, x, this.weight, this.bias);
  }
}

/** ids int32 (B, T) -> rows of the table (B, T, C). */
export class Embedding {
  /** (rows, C) */
  readonly weight: ModelParameter;

  constructor(store: ParameterStore, name: string, rows: number, width: number) {
    this.weight = store.parameter(`${name}.weight`, [rows, width], "embedding");
  }

  forward(tape: Tape, ids: Tensor): Tensor {
    return embedding(tape, this.weight, ids);
  }
}
