import { z } from "zod";
import { beta, byDecay, decayKey, defineOptimizer, rate } from "./define.ts";
import { FlatOptimizer, type Run } from "./flat.ts";
import type { ParameterGroup, StepOptions } from "./optimizer.ts";

/** Settings of {@link Sgd} that all groups share. */
export interface SgdOptions {
  /** 0 for none: then there is no state. */
  readonly momentum: number;
  /** Nesterov's look-ahead. */
  readonly nesterov: boolean;
  /** Whether decay acts on the parameter, or is added to the gradient (an L2 penalty, as in torch.optim.SGD). */
  readonly decoupled: boolean;
}

/**
 * Stochastic gradient descent with momentum: Sutskever et al. 2013, in the form of torch.optim.SGD without dampening
 * (the momentum is a sum: m = momentum·m + g). One state value a weight, none without momentum.
 * Decoupled decay: Loshchilov & Hutter 2019, algorithm 1, with the decay multiplied by the learning rate.
 *
 * @example
 * const options = { momentum: 0.9, nesterov: true, decoupled: false };
 * const optimizer = new Sgd([{ parameters: [...store], learningRate: 0.1, weightDecay: 1e-4 }], options);
 */
export class Sgd extends FlatOptimizer<"momentum"> {
  readonly #options: SgdOptions;

  constructor(groups: readonly ParameterGroup[], options: SgdOptions) {
    super("sgd", groups, options.momentum === 0 ? [] : ["momentum"]);
    this.#options = options;
  }

  protected update(run: Run<"momentum">, { learningRateScale, gradientScale = null }: StepOptions): void {
    const { device, values, gradients, state, learningRate, weightDecay } = run;
    const momentum = this.#options.momentum === 0 ? null : state("momentum");
    device.sgd(values, gradients, momentum, gradientScale, {
      ...this.#options,
      learningRate: learningRate * learningRateScale,
      weightDecay,
    });
  }
}

/** Stochastic gradient descent with momentum, for everything. */
export const sgd = defineOptimizer({
  name: "sgd",
  summary: "Stochastic gradient descent with momentum, for everything.",
  keys: {
    learning_rate: rate.default(0.1).describe("Learning rate."),
    weight_decay: decayKey(0),
    momentum: beta.default(0.9).describe("How long the momentum remembers; 0 for none."),
    nesterov: z.boolean().default(true).describe("Whether the update looks ahead along the momentum."),
    decoupled: z
      .boolean()
      .default(false)
      .describe("Decay of the weights themselves, not an L2 penalty in the gradient."),
  },
  create: ({ learning_rate, weight_decay, ...options }, parameters) =>
    new Sgd(byDecay(parameters, learning_rate, weight_decay), options),
});
