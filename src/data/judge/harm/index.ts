export * from "./classifier.ts";
export * from "./features.ts";
export * from "./harm.ts";
export * from "./settings.ts";
export * from "./word-lists.ts";
