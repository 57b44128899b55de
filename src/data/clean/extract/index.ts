export { renderBlocks } from "./blocks.ts";
export type { Block } from "./blocks.ts";
export { createExtract } from "./extract.ts";
export { extractHtml } from "./html/extract-html.ts";
export type { ExtractedPage } from "./html/extract-html.ts";
export { extractMarkdown } from "./markdown.ts";
export type { ExtractedMarkdown } from "./markdown.ts";
export { extractSettings } from "./settings.ts";
export type { ExtractSettings } from "./settings.ts";
