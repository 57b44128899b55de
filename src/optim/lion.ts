import { beta, byDecay, decayKey, defineOptimizer, rate } from "./define.ts";
import { FlatOptimizer, type Run } from "./flat.ts";
import type { ParameterGroup, StepOptions } from "./optimizer.ts";

/** Settings of {@link Lion} that all groups share. */
export interface LionOptions {
  readonly beta1: number;
  readonly beta2: number;
}

/**
 * Lion: every weight moves by the learning rate, along the sign of a mean of gradients, with decoupled weight decay.
 * One state value a weight. Its learning rate is 3 to 10 times smaller than AdamW's, its decay as much larger.
 * Source: Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", program 1.
 *
 * @example
 * const optimizer = new Lion([{ parameters: [...store], learningRate: 1e-4, weightDecay: 1 }], { beta1: 0.9, beta2: 0.99 });
 */
export class Lion extends FlatOptimizer<"m"> {
  readonly #options: LionOptions;

  constructor(groups: readonly ParameterGroup[], options: LionOptions) {
    super("lion", groups, ["m"]); // the mean of the gradients
    this.#options = options;
  }

  protected update(run: Run<"m">, { learningRateScale, gradientScale = null }: StepOptions): void {
    const { device, values, gradients, state, learningRate, weightDecay } = run;
    device.lion(values, gradients, state("m"), gradientScale, {
      ...this.#options,
      learningRate: learningRate * learningRateScale,
      weightDecay,
    });
  }
}

/** Lion for everything: the sign of a mean of gradients (Chen et al. 2023). */
export const lion = defineOptimizer({
  name: "lion",
  summary: "Lion for everything: the sign of a mean of gradients.",
  keys: {
    learning_rate: rate.default(2e-4).describe("Learning rate: 3 to 10 times smaller than AdamW's."),
    weight_decay: decayKey(0.5),
    beta1: beta.default(0.9).describe("Lion: the share of the mean in the direction."),
    beta2: beta.default(0.99).describe("Lion: how long the mean of gradients remembers."),
  },
  create: ({ learning_rate, weight_decay, ...options }, parameters) =>
    new Lion(byDecay(parameters, learning_rate, weight_decay), options),
});
