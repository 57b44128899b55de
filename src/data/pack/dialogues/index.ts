export * from "./dialogue.ts";
export * from "./facts.ts";
export * from "./make.ts";
export * from "./settings.ts";
export * from "./records.ts";
