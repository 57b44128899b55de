export * from "./lines.ts";
export * from "./settings.ts";
