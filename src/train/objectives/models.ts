import {
  type Architecture,
  type CausalModel,
  createCausal,
  type Families,
  loadModel,
  type Model,
  readArchitecture,
} from "../../models/index.ts";
import {
  createOptimizer,
  type Optimizer,
  type OptimizerDefinition,
  optimizers,
  type OptimizerSettings,
} from "../../optim/index.ts";
import type { Device } from "../../tensor/index.ts";
import type { Registry } from "../../text/registry.ts";

/** The models of a training stage, by the names that its objective gives them. */
export type Models = Readonly<Record<string, Model>>;

/** How one model of an objective comes about. The first trained one is what a checkpoint's directory holds. */
export interface ModelPlan<M extends Model = Model> {
  /** Trained: it has gradients, an optimizer of its own and a part in checkpoints. Otherwise it is only read. */
  readonly trained: boolean;
  /** What a resumed run must agree on, and dropout. */
  readonly architecture: Architecture;
  /** Model directory whose weights it begins with; undefined for fresh ones. */
  readonly init?: string | undefined;
  /** Its own optimizer; by default the recipe's. */
  readonly optimizer?: OptimizerSettings | undefined;
  /** A model with fresh weights. */
  create(device: Device, seed: number): M;
  /** A model with the weights of a directory: `init`, or a checkpoint of it. */
  load(directory: string, device: Device): Promise<M>;
}

/** The plan of each model, by name. */
export type ModelPlans<M extends Models = Models> = { readonly [Name in keyof M]: ModelPlan<M[Name]> };

/** A causal language model that is trained. @param init weights to begin with */
export function trainedModel(architecture: Architecture, init?: string): ModelPlan<CausalModel> {
  return {
    trained: true,
    architecture,
    init,
    create: (device, seed) => createCausal(architecture, device, { seed }),
    // the file may not say the dropout that this run trains with
    load: (directory, device) => loadModel(directory, device, { architecture }),
  };
}

/** A causal language model that is only read, without dropout: a reference. */
export async function referenceModel(directory: string, families?: Families): Promise<ModelPlan<CausalModel>> {
  const own = await readArchitecture(directory, families);
  const architecture = own.withDropout({ hidden: 0, attention: 0 });
  return {
    trained: false,
    architecture,
    init: directory,
    create: (device, seed) => createCausal(architecture, device, { seed, trainable: false }),
    load: (from, device) => loadModel(from, device, { architecture, trainable: false }),
  };
}

/** A model that is trained, with its optimizer. */
export interface TrainedModel {
  readonly name: string;
  readonly model: Model;
  readonly optimizer: Optimizer;
}

/**
 * The models that are trained, in the plans' order, with fresh optimizers.
 *
 * @param settings for those whose plan has none of its own
 * @param registry with the optimizers of plugins
 */
export function trainedOf(
  plans: ModelPlans,
  models: Models,
  settings: OptimizerSettings,
  registry: Registry<OptimizerDefinition> = optimizers,
): TrainedModel[] {
  return Object.entries(plans).flatMap(([name, plan]) => {
    const model = models[name];
    if (!plan.trained || model === undefined) return [];
    return [{ name, model, optimizer: createOptimizer(plan.optimizer ?? settings, model.parameters, registry) }];
  });
}
