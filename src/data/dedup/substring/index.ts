export * from "./passages.ts";
export * from "./settings.ts";
export * from "./substring.ts";
export * from "./windows.ts";
export type { Passage } from "./cut.ts";
