import { defineStage } from "../../define-stage.ts";
import { extractSettings } from "./settings.ts";

export const extractStage = defineStage({
  name: "extract",
  version: 2,
  module: import.meta.url,
  summary: "HTML pages to their main text, Markdown to plain text.",
  schema: extractSettings,
  load: async (settings) => (await import("./extract.ts")).createExtract(settings),
});
