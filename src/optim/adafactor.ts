import { z } from "zod";
import { byDecay, decayKey, defineOptimizer, rate } from "./define.ts";
import { elementCount, FlatState, type Parameter, Tensor } from "../tensor/index.ts";
import { NuwaError } from "../text/index.ts";
import { type NamedTensors, type Optimizer, type ParameterGroup, type StepOptions, writeState } from "./optimizer.ts";

/** Settings of {@link Adafactor} that all groups share. */
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

interface Slot {
  readonly parameter: Parameter;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Means of the rows, or of every element of a vector. */
  readonly row: Tensor;
  readonly column: Tensor | undefined;
}

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
export class Adafactor implements Optimizer {
  readonly #options: AdafactorOptions;
  readonly #slots: readonly Slot[];
  readonly #memory: FlatState | undefined;
  #steps = 0;

  constructor(groups: readonly ParameterGroup[], options: AdafactorOptions) {
    this.#options = options;
    const all = groups.flatMap(({ parameters, ...rates }) => parameters.map((parameter) => ({ parameter, ...rates })));
    const shapes = all.map(({ parameter }) => stateShapes(parameter));
    const [first] = all;
    const memory =
      first === undefined ? undefined : new FlatState(first.parameter.device, shapes.flat().map(elementCount));
    this.#memory = memory;
    let next = 0;
    this.#slots = all.map(({ parameter, learningRate, weightDecay }, i) => {
      const [row, column] = (shapes[i] ?? []).map((shape) => {
        const slice = memory?.slices[next++];
        if (slice === undefined) throw new NuwaError("SHAPE", "no state", { where: parameter.name });
        return new Tensor(parameter.device, slice, shape);
      });
      if (row === undefined) throw new NuwaError("SHAPE", "no state", { where: parameter.name });
      return { parameter, learningRate, weightDecay, row, column };
    });
  }

  get steps(): number {
    return this.#steps;
  }

  step({ learningRateScale, gradientScale = null }: StepOptions): void {
    this.#steps++;
    const { beta2Decay, ...bounds } = this.#options;
    for (const { parameter, learningRate, weightDecay, row, column } of this.#slots) {
      if (!parameter.gradReady) continue;
      const [values, gradient] = [parameter.storage, parameter.grad.storage];
      parameter.device.adafactor(values, gradient, row.storage, column?.storage ?? null, gradientScale, {
        ...matrixShape(parameter),
        ...bounds,
        learningRate: learningRate * learningRateScale,
        newShare: this.#steps ** beta2Decay,
        weightDecay,
        step: this.#steps,
      });
      parameter.gradReady = false;
    }
  }

  state(): NamedTensors {
    const state = new Map<string, Tensor>();
    for (const { parameter, row, column } of this.#slots) {
      state.set(`adafactor.${column === undefined ? "variance" : "row"}.${parameter.name}`, row);
      if (column !== undefined) state.set(`adafactor.column.${parameter.name}`, column);
    }
    return state;
  }

  loadState(saved: ReadonlyMap<string, ArrayLike<number>>, steps: number): void {
    writeState(this.state(), saved);
    this.#steps = steps;
  }

  release(): void {
    this.#memory?.release();
  }
}

/** Row and column of a matrix; of a vector, one for each element. */
function stateShapes(parameter: Parameter): readonly (readonly number[])[] {
  const { shape } = parameter;
  if (shape.length < 2) return [shape];
  const leading = shape.slice(0, -2);
  const { rows, columns } = matrixShape(parameter);
  return [
    [...leading, rows],
    [...leading, columns],
  ];
}

/** Adafactor for everything, with hardly any state (Shazeer & Stern 2018). */
export const adafactor = defineOptimizer({
  name: "adafactor",
  summary: "Adafactor for everything: hardly any state; torch.optim.Adafactor's form.",
  keys: {
    learning_rate: rate.default(0.01).describe("Learning rate, relative to each parameter's size."),
    weight_decay: decayKey(0),
    beta2_decay: z.number().negative().default(-0.8).describe("Adafactor: power of the step in the means' memory."),
    epsilon1: rate.default(2 ** -23).describe("Adafactor: least root of a second moment."),
    epsilon2: rate.default(1e-3).describe("Adafactor: least size of a parameter, for the relative rate."),
    clip_threshold: rate.default(1).describe("Adafactor: largest root mean square of an update."),
  },
  create: ({ learning_rate, weight_decay, beta2_decay: beta2Decay, clip_threshold: clipThreshold, ...bounds }, all) =>
    new Adafactor(byDecay(all, learning_rate, weight_decay), { beta2Decay, clipThreshold, ...bounds }),
});
