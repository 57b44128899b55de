export * from "./batch.ts";
export * from "./chat.ts";
export * from "./decoder.ts";
export * from "./generator.ts";
export * from "./sampler.ts";
export * from "./settings.ts";
export * from "./stop-strings.ts";
export * from "./tokens.ts";
