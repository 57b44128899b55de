export * from "./document.ts";
export * from "./errors.ts";
export * from "./json.ts";
export * from "./nearest.ts";
export * from "./registry.ts";
export * from "./script.ts";
