import { defineStage } from "../../define-stage.ts";
import { cleanSettings } from "./settings.ts";

export const cleanStage = defineStage({
  name: "clean",
  version: 2,
  module: import.meta.url,
  summary: "Repair and normalise the text.",
  schema: cleanSettings,
  load: async (settings) => (await import("./clean.ts")).createClean(settings),
});
