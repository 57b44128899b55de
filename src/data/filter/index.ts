export * from "./figures.ts";
export * from "./filter.ts";
export * from "./language.ts";
export * from "./settings.ts";
