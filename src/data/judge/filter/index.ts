export * from "./c4.ts";
export * from "./figures.ts";
export * from "./filter.ts";
export * from "./language.ts";
export * from "./paragraphs.ts";
export * from "./settings.ts";
export * from "./url.ts";
