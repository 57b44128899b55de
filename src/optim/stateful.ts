import { type Parameter, Tensor } from "../tensor/index.ts";
import { type NamedTensors, type Optimizer, type StepOptions, writeState } from "./optimizer.ts";

/** Parameters that share a learning rate and a decay. */
export interface ParameterGroup {
  readonly parameters: readonly Parameter[];
  readonly learningRate: number;
  readonly weightDecay: number;
}

/** A parameter with its rates and its state. */
export interface Slot<State> {
  readonly parameter: Parameter;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly state: State;
}

/**
 * What optimizers that treat each parameter alone have in common: state allocated once, named
 * `<optimizer>.<part>.<parameter>`, saved, loaded and released; one kernel call for each parameter that has a gradient.
 */
export abstract class StatefulOptimizer<State extends Readonly<Record<string, Tensor>>> implements Optimizer {
  readonly #name: string;
  readonly #slots: readonly Slot<State>[];
  #steps = 0;

  /** @param createState makes a parameter's zeroed state */
  constructor(name: string, groups: readonly ParameterGroup[], createState: (parameter: Parameter) => State) {
    this.#name = name;
    this.#slots = groups.flatMap(({ parameters, learningRate, weightDecay }) =>
      parameters.map((parameter) => ({ parameter, learningRate, weightDecay, state: createState(parameter) })),
    );
  }

  /** One update of one parameter; `steps` counts this one. */
  protected abstract update(slot: Slot<State>, options: StepOptions): void;

  get steps(): number {
    return this.#steps;
  }

  step(options: StepOptions): void {
    this.#steps++;
    for (const slot of this.#slots) {
      if (!slot.parameter.gradReady) continue;
      this.update(slot, options);
      slot.parameter.gradReady = false;
    }
  }

  state(): NamedTensors {
    const state = new Map<string, Tensor>();
    for (const { parameter, state: parts } of this.#slots) {
      for (const [part, tensor] of Object.entries(parts)) state.set(`${this.#name}.${part}.${parameter.name}`, tensor);
    }
    return state;
  }

  loadState(saved: ReadonlyMap<string, ArrayLike<number>>, steps: number): void {
    writeState(this.state(), saved);
    this.#steps = steps;
  }

  release(): void {
    for (const { parameter, state } of this.#slots) {
      for (const tensor of Object.values(state)) parameter.device.release(tensor.storage);
    }
  }
}

/** Zeroed state of a parameter's shape, or of another, which lives until it is released. */
export function zeroState(parameter: Parameter, shape: readonly number[] = parameter.shape): Tensor {
  const length = shape.reduce((product, size) => product * size, 1);
  return new Tensor(parameter.device, parameter.device.allocate("float32", length), shape);
}
