import type { Tensor } from "../tensor/index.ts";
import type { StepOptions } from "./optimizer.ts";
import { type ParameterGroup, type Slot, StatefulOptimizer, zeroState } from "./stateful.ts";

export interface SgdOptions {
  /** 0 for none: then there is no state. */
  readonly momentum: number;
  /** Nesterov's look-ahead. */
  readonly nesterov: boolean;
  /** Whether decay acts on the parameter, or is added to the gradient (an L2 penalty, as in torch.optim.SGD). */
  readonly decoupled: boolean;
}

type State = Readonly<Record<string, Tensor>> & { readonly momentum?: Tensor };

/**
 * Stochastic gradient descent with momentum: Sutskever et al. 2013, in the form of torch.optim.SGD without dampening
 * (the momentum is a sum: m = momentum·m + g). One state value a weight, none without momentum.
 * Decoupled decay: Loshchilov & Hutter 2019, algorithm 1, with the decay multiplied by the learning rate.
 *
 * @example
 * const options = { momentum: 0.9, nesterov: true, decoupled: false };
 * const optimizer = new Sgd([{ parameters: [...store], learningRate: 0.1, weightDecay: 1e-4 }], options);
 */
export class Sgd extends StatefulOptimizer<State> {
  readonly #options: SgdOptions;

  constructor(groups: readonly ParameterGroup[], options: SgdOptions) {
    super("sgd", groups, (parameter): State => (options.momentum === 0 ? {} : { momentum: zeroState(parameter) }));
    this.#options = options;
  }

  protected update(slot: Slot<State>, { learningRateScale, gradientScale = null }: StepOptions): void {
    const { parameter, learningRate, weightDecay, state } = slot;
    const momentum = state.momentum?.storage ?? null;
    parameter.device.sgd(parameter.storage, parameter.grad.storage, momentum, gradientScale, {
      ...this.#options,
      learningRate: learningRate * learningRateScale,
      weightDecay,
    });
  }
}
