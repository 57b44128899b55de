export * from "./attention.ts";
export * from "./block.ts";
export * from "./initializers.ts";
export * from "./kv-cache.ts";
export * from "./linear.ts";
export * from "./mlp.ts";
export * from "./norm.ts";
export * from "./parameters.ts";
