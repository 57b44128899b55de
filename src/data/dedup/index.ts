export * from "./deduplicate.ts";
export * from "./dedup-index.ts";
export * from "./settings.ts";
export * from "./signature.ts";
