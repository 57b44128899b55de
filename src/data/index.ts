export * from "./dedup/index.ts";
export * from "./filter/index.ts";
export * from "./ledger.ts";
export * from "./stage.ts";
