import { Registry } from "../text/index.ts";
import { adafactor } from "./adafactor.ts";
import { adamw } from "./adamw.ts";
import { type OptimizerDefinition, optimizerSchema, type OptimizerSettings } from "./define.ts";
import { lion } from "./lion.ts";
import { muon } from "./muon.ts";
import type { KindedParameter, Optimizer } from "./optimizer.ts";
import { sgd } from "./sgd.ts";

/** Every optimizer. A new one is a file and a line here. */
export const optimizers = new Registry<OptimizerDefinition>("optimizer", [adamw, muon, adafactor, lion, sgd]);

/** Which of them, and its settings. */
export const optimizerSettings = optimizerSchema(optimizers);

/**
 * Makes the optimizer that the settings name, with each parameter in the group of its kind.
 *
 * @param registry with the optimizers of plugins; default: those that there are
 * @throws NuwaError VALUE for a name that there is none of
 * @example
 * const optimizer = createOptimizer(optimizerSettings.parse({ name: "muon" }), model.parameters);
 */
export function createOptimizer(
  settings: OptimizerSettings,
  parameters: Iterable<KindedParameter>,
  registry: Registry<OptimizerDefinition> = optimizers,
): Optimizer {
  return registry.get(settings.name, "optimizer.name").create(settings, parameters);
}
