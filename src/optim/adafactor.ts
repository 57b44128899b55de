import type { Parameter, Tensor } from "../tensor/index.ts";
import type { StepOptions } from "./optimizer.ts";
import { type ParameterGroup, type Slot, StatefulOptimizer, zeroState } from "./stateful.ts";

export interface AdafactorOptions {
  /** The means of squares remember 1 − step^decay of what they held; −0.8 in the paper. */
  readonly beta2Decay: number;
  /** Least root of a second moment; float32's machine epsilon in PyTorch. */
  readonly epsilon1: number;
  /** Least size of a parameter, for the relative learning rate. */
  readonly epsilon2: number;
  /** Largest root mean square of an update, before the learning rate. */
  readonly clipThreshold: number;
}

type State = Readonly<Record<string, Tensor>> &
  (
    | { readonly row: Tensor; readonly column: Tensor; readonly variance?: never }
    | { readonly variance: Tensor; readonly row?: never; readonly column?: never }
  );

/** The last two axes are a matrix; a vector is one row. */
function matrixShape({ shape, length }: Parameter): { matrices: number; rows: number; columns: number } {
  const [rows, columns] = shape.length < 2 ? [1, length] : [shape.at(-2) ?? 1, shape.at(-1) ?? 1];
  return { matrices: rows * columns === 0 ? 0 : length / (rows * columns), rows, columns };
}

/**
 * Adafactor: AdamW's second moments kept as one mean a row and one a column, no first moments, a learning rate
 * relative to each parameter's size. State of (rows + columns) values a matrix; a vector has one a weight.
 * Source: Shazeer & Stern 2018, with the bounds, the relative step min(lr, 1/√step) and the decoupled decay of
 * torch.optim.Adafactor, which it equals (transformers' Adafactor differs: it adds 1e-30 to the squares instead).
 *
 * @example
 * const options = { beta2Decay: -0.8, epsilon1: 2 ** -23, epsilon2: 1e-3, clipThreshold: 1 };
 * const optimizer = new Adafactor([{ parameters: [...store], learningRate: 0.01, weightDecay: 0 }], options);
 */
export class Adafactor extends StatefulOptimizer<State> {
  readonly #options: AdafactorOptions;

  constructor(groups: readonly ParameterGroup[], options: AdafactorOptions) {
    super("adafactor", groups, (parameter): State => {
      const { shape } = parameter;
      if (shape.length < 2) return { variance: zeroState(parameter) };
      const leading = shape.slice(0, -2);
      const { rows, columns } = matrixShape(parameter);
      return { row: zeroState(parameter, [...leading, rows]), column: zeroState(parameter, [...leading, columns]) };
    });
    this.#options = options;
  }

  protected update(slot: Slot<State>, { learningRateScale, gradientScale = null }: StepOptions): void {
    const { parameter, learningRate, weightDecay, state } = slot;
    const { beta2Decay, ...bounds } = this.#options;
    const [row, column] = state.variance === undefined ? [state.row, state.column.storage] : [state.variance, null];
    parameter.device.adafactor(parameter.storage, parameter.grad.storage, row.storage, column, gradientScale, {
      ...matrixShape(parameter),
      ...bounds,
      learningRate: learningRate * learningRateScale,
      newShare: this.steps ** beta2Decay,
      weightDecay,
      step: this.steps,
    });
  }
}
