export * from "./adafactor.ts";
export * from "./adamw.ts";
export * from "./clip.ts";
export * from "./define-schedule.ts";
export {
  byDecay,
  defineOptimizer,
  isOptimizerDefinition,
  type OptimizerDefinition,
  type OptimizerKeys,
  type OptimizerOptions,
  optimizerSchema,
  type OptimizerSettings,
} from "./define.ts";
export * from "./flat.ts";
export * from "./lion.ts";
export * from "./muon.ts";
export * from "./optimizer.ts";
export * from "./schedules.ts";
export * from "./registry.ts";
export * from "./sgd.ts";
