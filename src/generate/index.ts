export * from "./batch.ts";
export * from "./chat.ts";
export * from "./generator.ts";
export * from "./prefill.ts";
export * from "./sampler.ts";
export * from "./settings.ts";
export * from "./stop-strings.ts";
