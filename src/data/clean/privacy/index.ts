export * from "./checksums.ts";
export * from "./find.ts";
export * from "./privacy.ts";
export * from "./settings.ts";
