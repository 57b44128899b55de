import { type Parameter, Tensor } from "../tensor/index.ts";
import { type NamedTensors, type Optimizer, type StepOptions, writeState } from "./optimizer.ts";

/** Parameters that share a learning rate and a decay. */
export interface AdamWGroup {
  readonly parameters: readonly Parameter[];
  readonly learningRate: number;
  readonly weightDecay: number;
}

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

interface Slot {
  readonly parameter: Parameter;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Mean of the gradients. */ readonly m: Tensor;
  /** Mean of their squares. */ readonly v: Tensor;
}

/**
 * Adam with decoupled weight decay: Kingma & Ba 2015; Loshchilov & Hutter 2019, algorithm 2.
 * Two state values a weight.
 *
 * @example
 * const optimizer = new AdamW([{ parameters: [...store], learningRate: 3e-4, weightDecay: 0.1 }],
 *   { beta1: 0.9, beta2: 0.95, epsilon: 1e-8 });
 * optimizer.step({ learningRateScale: schedule(step), gradientScale: 1 });
 */
export class AdamW implements Optimizer {
  readonly #slots: readonly Slot[];
  readonly #options: AdamWOptions;
  #steps = 0;

  constructor(groups: readonly AdamWGroup[], options: AdamWOptions) {
    this.#options = options;
    this.#slots = groups.flatMap(({ parameters, learningRate, weightDecay }) =>
      parameters.map((parameter) => ({
        parameter,
        learningRate,
        weightDecay,
        m: zerosLike(parameter),
        v: zerosLike(parameter),
      })),
    );
  }

  get steps(): number {
    return this.#steps;
  }

  step({ learningRateScale, gradientScale }: StepOptions): void {
    this.#steps++;
    for (const { parameter, learningRate, weightDecay, m, v } of this.#slots) {
      if (!parameter.gradReady) continue;
      parameter.device.adamW(parameter.storage, parameter.grad.storage, m.storage, v.storage, {
        ...this.#options,
        learningRate: learningRate * learningRateScale,
        weightDecay,
        step: this.#steps,
        gradientScale,
      });
      parameter.gradReady = false;
    }
  }

  state(): NamedTensors {
    const state = new Map<string, Tensor>();
    for (const { parameter, m, v } of this.#slots) {
      state.set(`adamw.m.${parameter.name}`, m);
      state.set(`adamw.v.${parameter.name}`, v);
    }
    return state;
  }

  loadState(saved: ReadonlyMap<string, ArrayLike<number>>, steps: number): void {
    writeState(this.state(), saved);
    this.#steps = steps;
  }

  release(): void {
    for (const { parameter, m, v } of this.#slots) {
      parameter.device.release(m.storage);
      parameter.device.release(v.storage);
    }
  }
}

/** Zeroed state of a parameter's shape, which lives until it is released. */
function zerosLike(parameter: Parameter): Tensor {
  return new Tensor(parameter.device, parameter.device.allocate("float32", parameter.length), parameter.shape);
}
