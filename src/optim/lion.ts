import type { Tensor } from "../tensor/index.ts";
import type { StepOptions } from "./optimizer.ts";
import { type ParameterGroup, type Slot, StatefulOptimizer, zeroState } from "./stateful.ts";

export interface LionOptions {
  readonly beta1: number;
  readonly beta2: number;
}

interface State extends Readonly<Record<string, Tensor>> {
  /** Mean of the gradients. */ readonly m: Tensor;
}

/**
 * Lion: every weight moves by the learning rate, along the sign of a mean of gradients, with decoupled weight decay.
 * One state value a weight. Its learning rate is 3 to 10 times smaller than AdamW's, its decay as much larger.
 * Source: Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", program 1.
 *
 * @example
 * const optimizer = new Lion([{ parameters: [...store], learningRate: 1e-4, weightDecay: 1 }], { beta1: 0.9, beta2: 0.99 });
 */
export class Lion extends StatefulOptimizer<State> {
  readonly #options: LionOptions;

  constructor(groups: readonly ParameterGroup[], options: LionOptions) {
    super("lion", groups, (parameter) => ({ m: zeroState(parameter) }));
    this.#options = options;
  }

  protected update(slot: Slot<State>, { learningRateScale, gradientScale = null }: StepOptions): void {
    const { parameter, learningRate, weightDecay, state } = slot;
    parameter.device.lion(parameter.storage, parameter.grad.storage, state.m.storage, gradientScale, {
      ...this.#options,
      learningRate: learningRate * learningRateScale,
      weightDecay,
    });
  }
}
