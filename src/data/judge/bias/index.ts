export * from "./bias.ts";
export * from "./settings.ts";
