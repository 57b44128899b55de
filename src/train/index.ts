/** Training: jobs in, events and checkpoints out. */
export { findResumable, listCheckpoints, readState, type TrainerState } from "./checkpoint.ts";
export { evaluate, type HeldOutScore } from "./evaluate.ts";
export type * from "./events.ts";
export { train, type Training } from "./host.ts";
export type { PretrainJob, SftJob, TrainControl, TrainJob } from "./job.ts";
export { memoryLimit, requireMemory, requireTrainingMemory } from "./memory.ts";
export { type MetricsLine, readMetrics } from "./metrics.ts";
export type { Batch, HeldOut, Objective, StepBatches } from "./objectives/objective.ts";
export { runTraining } from "./run.ts";
export {
  pretrainSettings,
  type PretrainSettings,
  sftSettings,
  type SftSettings,
  type TrainSettings,
} from "./settings.ts";
export { Trainer, type StepResult, type TrainerOptions } from "./trainer.ts";
