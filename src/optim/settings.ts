import { z } from "zod";
import { AdamW, type AdamWGroup } from "./adamw.ts";
import { Muon } from "./muon.ts";
import { combineOptimizers, type KindedParameter, type Optimizer } from "./optimizer.ts";

const rate = z.number().positive();
const beta = z.number().min(0).lt(1);

const adamW = {
  beta1: beta.default(0.9).describe("AdamW: how long the mean of gradients remembers."),
  beta2: beta.default(0.95).describe("AdamW: how long the mean of squared gradients remembers."),
  epsilon: rate.default(1e-8).describe("AdamW: added to the root, so that nothing is divided by zero."),
};

/** Which optimizer, and its settings. Learning rates are the full ones; a schedule scales them all. */
export const optimizerSettings = z.discriminatedUnion("name", [
  z.strictObject({
    name: z.literal("adamw").describe("AdamW for everything."),
    learning_rate: rate.default(1e-3).describe("Learning rate."),
    weight_decay: z
      .number()
      .min(0)
      .default(0.1)
      .describe("Decay of matrices and embeddings; biases and normalisations have none."),
    ...adamW,
  }),
  z.strictObject({
    name: z.literal("muon").describe("Muon for the hidden matrices, AdamW for all else."),
    learning_rate: rate.default(0.02).describe("Muon's learning rate, for the hidden matrices."),
    weight_decay: z.number().min(0).default(0).describe("Decay of the hidden matrices."),
    momentum: beta.default(0.95).describe("Muon: how long the momentum remembers."),
    iterations: z.int().positive().default(5).describe("Muon: Newton-Schulz iterations."),
    embedding_learning_rate: rate.default(0.01).describe("AdamW's learning rate for token and position tables."),
    head_learning_rate: rate.default(0.004).describe("AdamW's learning rate for an untied head."),
    vector_learning_rate: rate.default(0.004).describe("AdamW's learning rate for biases and normalisations."),
    ...adamW,
  }),
]);

export type OptimizerSettings = z.output<typeof optimizerSettings>;

/**
 * Makes the optimizer that the settings name, with each parameter in the group of its kind.
 *
 * @example
 * const optimizer = createOptimizer(optimizerSettings.parse({ name: "muon" }), model.parameters);
 */
export function createOptimizer(settings: OptimizerSettings, parameters: Iterable<KindedParameter>): Optimizer {
  const all = [...parameters];
  const { beta1, beta2, epsilon } = settings;
  const ofKind = (...kinds: readonly KindedParameter["kind"][]): KindedParameter[] =>
    all.filter(({ kind }) => kinds.includes(kind));
  if (settings.name === "adamw") {
    const { learning_rate: learningRate, weight_decay: weightDecay } = settings;
    const decayed: AdamWGroup = {
      parameters: ofKind("matrix", "embedding", "head", "experts"),
      learningRate,
      weightDecay,
    };
    return new AdamW([decayed, { parameters: ofKind("vector"), learningRate, weightDecay: 0 }], {
      beta1,
      beta2,
      epsilon,
    });
  }
  const group = (kind: KindedParameter["kind"], learningRate: number): AdamWGroup => ({
    parameters: ofKind(kind),
    learningRate,
    weightDecay: 0,
  });
  const { learning_rate: learningRate, weight_decay: weightDecay, momentum, iterations } = settings;
  const matrices = new Muon(ofKind("matrix"), { learningRate, weightDecay, momentum, iterations });
  const rest = new AdamW(
    [
      group("embedding", settings.embedding_learning_rate),
      group("head", settings.head_learning_rate),
      { parameters: ofKind("experts"), learningRate: settings.vector_learning_rate, weightDecay },
      group("vector", settings.vector_learning_rate),
    ],
    { beta1, beta2, epsilon },
  );
  return combineOptimizers([matrices, rest]);
}
