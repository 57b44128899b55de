import { defineCorpusStage } from "../../define-corpus-stage.ts";
import { linesSettings } from "./settings.ts";

export const linesStage = defineCorpusStage({
  name: "lines",
  version: 1,
  module: import.meta.url,
  summary: "Remove paragraphs and lines that many documents share.",
  schema: linesSettings.unwrap(),
  load: async () => (await import("./rounds.ts")).linesWork,
});
