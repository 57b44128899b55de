export { commonCrawlSettings } from "./settings.ts";
export type { CommonCrawlInput, CommonCrawlSettings } from "./settings.ts";
export { listPaths, takeSlice } from "./take.ts";
export type { TakeOptions, TakeResult } from "./take.ts";
export { takeTexts } from "./take-texts.ts";
