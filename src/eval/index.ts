export * from "./harness.ts";
export * from "./language-model.ts";
export * from "./local-model.ts";
export * from "./metrics.ts";
export * from "./tasks/index.ts";
export * from "./questions.ts";
export * from "./save.ts";
