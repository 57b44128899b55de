import { z } from "zod";
import { NuwaError } from "../text/index.ts";
import type { KindedParameter, Optimizer, ParameterGroup } from "./optimizer.ts";

/** What every optimizer's settings have. Learning rates are the full ones; a schedule scales them all. */
const common = z.looseObject({ name: z.string(), learning_rate: z.number() });

/** Which optimizer, and its settings. */
export type OptimizerSettings = z.output<typeof common>;

/** Keys of an optimizer's settings, beside its name. */
export type OptimizerKeys = z.ZodRawShape & { readonly learning_rate: z.ZodType<number> };

/** What {@link defineOptimizer} takes. */
export interface OptimizerOptions<Keys extends OptimizerKeys> {
  /** As recipes spell it. */
  readonly name: string;
  /** One sentence for a person. */
  readonly summary: string;
  readonly keys: Keys;
  create(settings: z.output<z.ZodObject<Keys>>, parameters: readonly KindedParameter[]): Optimizer;
}

/** An optimizer whose settings are still unchecked data: what a registry holds. */
export interface OptimizerDefinition {
  readonly name: string;
  readonly summary: string;
  readonly schema: z.ZodObject;
  /** @throws NuwaError VALUE where they are not settings of this optimizer */
  create(settings: unknown, parameters: Iterable<KindedParameter>): Optimizer;
}

/**
 * Defines an optimizer. Put into the registry, or into a plugin's `optimizers`, a recipe can name it.
 *
 * @example
 * export const sgd = defineOptimizer({
 *   name: "sgd",
 *   summary: "Stochastic gradient descent.",
 *   keys: { learning_rate: z.number().positive().default(0.1).describe("Learning rate.") },
 *   create: ({ learning_rate }, parameters) => new Sgd(byDecay(parameters, learning_rate, 0), options),
 * });
 */
export function defineOptimizer<Keys extends OptimizerKeys>(options: OptimizerOptions<Keys>): OptimizerDefinition {
  const { name, summary, keys, create } = options;
  const own = z.object(keys);
  return {
    name,
    summary,
    schema: z.strictObject({ name: z.literal(name).describe(summary), ...keys }),
    create(settings, parameters) {
      const { success, data, error } = own.safeParse(settings);
      if (success) return create(data, [...parameters]);
      const [issue] = error.issues;
      const where = ["optimizer", ...(issue?.path ?? [])].join(".");
      throw new NuwaError("VALUE", issue?.message ?? `not settings of ${name}`, { where, cause: error });
    },
  };
}

/** Whether a plugin's value was made by {@link defineOptimizer}. */
export function isOptimizerDefinition(value: unknown): value is OptimizerDefinition {
  if (typeof value !== "object" || value === null) return false;
  const named = typeof Reflect.get(value, "name") === "string" && typeof Reflect.get(value, "summary") === "string";
  return (
    named && typeof Reflect.get(value, "create") === "function" && Reflect.get(value, "schema") instanceof z.ZodType
  );
}

/** The schema of a recipe's `optimizer`, over those that there are. */
export function optimizerSchema(
  definitions: Iterable<OptimizerDefinition>,
): z.ZodType<OptimizerSettings, Readonly<Record<string, unknown>>> {
  const [first, ...others] = [...definitions].map(({ schema }) => schema);
  if (first === undefined) throw new NuwaError("VALUE", "there is no optimizer");
  return z.discriminatedUnion("name", [first, ...others]).pipe(common);
}

/** Two groups at one learning rate: biases and normalisations are not decayed, all else is. */
export function byDecay(
  parameters: readonly KindedParameter[],
  learningRate: number,
  weightDecay: number,
): ParameterGroup[] {
  return [
    { parameters: parameters.filter(({ kind }) => kind !== "vector"), learningRate, weightDecay },
    { parameters: parameters.filter(({ kind }) => kind === "vector"), learningRate, weightDecay: 0 },
  ];
}

export const rate = z.number().positive();
export const beta = z.number().min(0).lt(1);

/** @param byDefault the decay where a recipe gives none */
export function decayKey(byDefault: number): z.ZodDefault<z.ZodNumber> {
  const meaning = "Decay of matrices and embeddings; biases and normalisations have none.";
  return z.number().min(0).default(byDefault).describe(meaning);
}

/** AdamW's own keys, which Muon has too. */
export const adamWKeys = {
  beta1: beta.default(0.9).describe("AdamW: how long the mean of gradients remembers."),
  beta2: beta.default(0.95).describe("AdamW: how long the mean of squared gradients remembers."),
  epsilon: rate.default(1e-8).describe("AdamW: added to the root, so that nothing is divided by zero."),
};
