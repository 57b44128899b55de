export { KvCache } from "../nn/index.ts";
export * from "./causal-language-model.ts";
export * from "./gpt-config.ts";
export * from "./gpt.ts";
