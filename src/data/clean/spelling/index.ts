export * from "./corrector.ts";
export * from "./hunspell.ts";
export * from "./settings.ts";
export * from "./spelling.ts";
export * from "./symspell.ts";
