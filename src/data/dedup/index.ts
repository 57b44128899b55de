export * from "./deduplicate.ts";
export * from "./dedup-index.ts";
export * from "./settings.ts";
export * from "./signature.ts";
export * from "./address.ts";
export * from "./external-sort.ts";
export * from "./resolve.ts";
export * from "./signature-files.ts";
