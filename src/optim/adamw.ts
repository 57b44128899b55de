import { adamWKeys, byDecay, decayKey, defineOptimizer, rate } from "./define.ts";
import { FlatOptimizer, type Run } from "./flat.ts";
import type { ParameterGroup, StepOptions } from "./optimizer.ts";

/** Parameters that share a learning rate and a decay. */
export type AdamWGroup = ParameterGroup;

/** Settings of {@link AdamW} that all groups share. */
export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
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
export class AdamW extends FlatOptimizer<"m" | "v"> {
  readonly #options: AdamWOptions;

  constructor(groups: readonly AdamWGroup[], options: AdamWOptions) {
    super("adamw", groups, ["m", "v"]); // means of the gradients, and of their squares
    this.#options = options;
  }

  protected update(run: Run<"m" | "v">, { learningRateScale, gradientScale = null }: StepOptions): void {
    const { device, values, gradients, state, learningRate, weightDecay } = run;
    device.adamW(values, gradients, state("m"), state("v"), gradientScale, {
      ...this.#options,
      learningRate: learningRate * learningRateScale,
      weightDecay,
      step: this.steps,
    });
  }
}

/** AdamW for everything (Loshchilov & Hutter 2019). */
export const adamw = defineOptimizer({
  name: "adamw",
  summary: "AdamW for everything.",
  keys: {
    learning_rate: rate.default(1e-3).describe("Learning rate."),
    weight_decay: decayKey(0.1),
    ...adamWKeys,
  },
  create: ({ learning_rate, weight_decay, ...options }, parameters) =>
    new AdamW(byDecay(parameters, learning_rate, weight_decay), options),
});
