import { z } from "zod";
import { Adafactor } from "./adafactor.ts";
import { AdamW, type AdamWGroup } from "./adamw.ts";
import { Lion } from "./lion.ts";
import { Muon } from "./muon.ts";
import { combineOptimizers, type KindedParameter, type Optimizer, type ParameterGroup } from "./optimizer.ts";
import { Sgd } from "./sgd.ts";

const rate = z.number().positive();
const beta = z.number().min(0).lt(1);

const adamW = {
  beta1: beta.default(0.9).describe("AdamW: how long the mean of gradients remembers."),
  beta2: beta.default(0.95).describe("AdamW: how long the mean of squared gradients remembers."),
  epsilon: rate.default(1e-8).describe("AdamW: added to the root, so that nothing is divided by zero."),
};

const decay = (normally: number): z.ZodDefault<z.ZodNumber> =>
  z
    .number()
    .min(0)
    .default(normally)
    .describe("Decay of matrices and embeddings; biases and normalisations have none.");

/** Which optimizer, and its settings. Learning rates are the full ones; a schedule scales them all. */
export const optimizerSettings = z.discriminatedUnion("name", [
  z.strictObject({
    name: z.literal("adamw").describe("AdamW for everything."),
    learning_rate: rate.default(1e-3).describe("Learning rate."),
    weight_decay: decay(0.1),
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
  z.strictObject({
    name: z.literal("adafactor").describe("Adafactor for everything: hardly any state; torch.optim.Adafactor's form."),
    learning_rate: rate.default(0.01).describe("Learning rate, relative to each parameter's size."),
    weight_decay: decay(0),
    beta2_decay: z.number().negative().default(-0.8).describe("Adafactor: power of the step in the means' memory."),
    epsilon1: rate.default(2 ** -23).describe("Adafactor: least root of a second moment."),
    epsilon2: rate.default(1e-3).describe("Adafactor: least size of a parameter, for the relative rate."),
    clip_threshold: rate.default(1).describe("Adafactor: largest root mean square of an update."),
  }),
  z.strictObject({
    name: z.literal("lion").describe("Lion for everything: the sign of a mean of gradients."),
    learning_rate: rate.default(2e-4).describe("Learning rate: 3 to 10 times smaller than AdamW's."),
    weight_decay: decay(0.5),
    beta1: beta.default(0.9).describe("Lion: the share of the mean in the direction."),
    beta2: beta.default(0.99).describe("Lion: how long the mean of gradients remembers."),
  }),
  z.strictObject({
    name: z.literal("sgd").describe("Stochastic gradient descent with momentum, for everything."),
    learning_rate: rate.default(0.1).describe("Learning rate."),
    weight_decay: decay(0),
    momentum: beta.default(0.9).describe("How long the momentum remembers; 0 for none."),
    nesterov: z.boolean().default(true).describe("Whether the update looks ahead along the momentum."),
    decoupled: z
      .boolean()
      .default(false)
      .describe("Decay of the weights themselves, not an L2 penalty in the gradient."),
  }),
]);

/** A recipe's optimizer, checked. */
export type OptimizerSettings = z.output<typeof optimizerSettings>;

/**
 * Makes the optimizer that the settings name, with each parameter in the group of its kind.
 *
 * @example
 * const optimizer = createOptimizer(optimizerSettings.parse({ name: "muon" }), model.parameters);
 */
export function createOptimizer(settings: OptimizerSettings, parameters: Iterable<KindedParameter>): Optimizer {
  const all = [...parameters];
  const ofKind = (...kinds: readonly KindedParameter["kind"][]): KindedParameter[] =>
    all.filter(({ kind }) => kinds.includes(kind));
  if (settings.name !== "muon") {
    const { learning_rate: learningRate, weight_decay: weightDecay } = settings;
    const groups: ParameterGroup[] = [
      { parameters: ofKind("matrix", "embedding", "head", "experts"), learningRate, weightDecay },
      { parameters: ofKind("vector"), learningRate, weightDecay: 0 },
    ];
    return createUniform(settings, groups);
  }
  const group = (kind: KindedParameter["kind"], learningRate: number): AdamWGroup => ({
    parameters: ofKind(kind),
    learningRate,
    weightDecay: 0,
  });
  const { beta1, beta2, epsilon, learning_rate: learningRate, weight_decay: weightDecay } = settings;
  const { momentum, iterations } = settings;
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

/** The optimizers that treat matrices and vectors alike. */
function createUniform(settings: Exclude<OptimizerSettings, { name: "muon" }>, groups: ParameterGroup[]): Optimizer {
  switch (settings.name) {
    case "adamw": {
      const { beta1, beta2, epsilon } = settings;
      return new AdamW(groups, { beta1, beta2, epsilon });
    }
    case "adafactor": {
      const { beta2_decay: beta2Decay, epsilon1, epsilon2, clip_threshold: clipThreshold } = settings;
      return new Adafactor(groups, { beta2Decay, epsilon1, epsilon2, clipThreshold });
    }
    case "lion":
      return new Lion(groups, { beta1: settings.beta1, beta2: settings.beta2 });
    case "sgd": {
      const { momentum, nesterov, decoupled } = settings;
      return new Sgd(groups, { momentum, nesterov, decoupled });
    }
  }
}
