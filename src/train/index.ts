/** Training: jobs in, events and checkpoints out. */
export { findResumable, listCheckpoints, readState, type TrainerState } from "./checkpoints/checkpoint.ts";
export type * from "./events.ts";
export type { TrainControl, TrainJob } from "./job.ts";
export { memoryLimit, measureTraining, requireMemory, requireTrainingMemory } from "./memory.ts";
export { type MetricsLine, readMetrics } from "./metrics/metrics.ts";
export { causalLoss, toDevice } from "./objectives/causal-loss.ts";
export {
  defineObjective,
  isObjectiveDefinition,
  type ObjectiveDefinition,
  type ObjectiveOptions,
  objectiveOfStage,
  type PrepareContext,
} from "./objectives/define.ts";
export { heldOutLoss, type HeldOutText } from "./objectives/held-out.ts";
export { initArchitecture } from "./objectives/init.ts";
export {
  type ModelPlan,
  type ModelPlans,
  type Models,
  referenceModel,
  trainedModel,
  type TrainedModel,
  trainedOf,
} from "./objectives/models.ts";
export * from "./objectives/objective.ts";
export { pretrainSettings, type PretrainSettings } from "./objectives/next-token.ts";
export { sftSettings, type SftSettings } from "./objectives/dialogue.ts";
export { objectives } from "./objectives/registry.ts";
export { runTraining } from "./run.ts";
export {
  decisiveSettings,
  hasOneLength,
  lengthKeys,
  oneLengthMessage,
  builtInChoices,
  choicesWith,
  type TrainingChoices,
  type TrainingKeys,
  trainingKeysOf,
  type TrainSettings,
} from "./settings.ts";
export { Trainer, type StepResult, type TrainerOptions } from "./trainer.ts";
export { train, type Training } from "./worker/host.ts";
