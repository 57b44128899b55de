export * from "./decontaminate.ts";
export * from "./index-benchmarks.ts";
export * from "./settings.ts";
