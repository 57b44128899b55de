export { KvCache } from "../nn/index.ts";
export * from "./causal-language-model.ts";
export * from "./gpt-config.ts";
export * from "./gpt.ts";
export * from "./checkpoint.ts";
export * from "./replace-file.ts";
export * from "./safetensors.ts";
export * from "./stories.ts";
export * from "./measure-step.ts";
