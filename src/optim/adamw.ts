import type { Tensor } from "../tensor/index.ts";
import type { StepOptions } from "./optimizer.ts";
import { type ParameterGroup, type Slot, StatefulOptimizer, zeroState } from "./stateful.ts";

/** Parameters that share a learning rate and a decay. */
export type AdamWGroup = ParameterGroup;

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

interface State extends Readonly<Record<string, Tensor>> {
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
 * optimizer.step({ learningRateScale: schedule(step) });
 */
export class AdamW extends StatefulOptimizer<State> {
  readonly #options: AdamWOptions;

  constructor(groups: readonly AdamWGroup[], options: AdamWOptions) {
    super("adamw", groups, (parameter) => ({ m: zeroState(parameter), v: zeroState(parameter) }));
    this.#options = options;
  }

  protected update(slot: Slot<State>, { learningRateScale, gradientScale = null }: StepOptions): void {
    const { parameter, learningRate, weightDecay, state } = slot;
    parameter.device.adamW(parameter.storage, parameter.grad.storage, state.m.storage, state.v.storage, gradientScale, {
      ...this.#options,
      learningRate: learningRate * learningRateScale,
      weightDecay,
      step: this.steps,
    });
  }
}
