import { defineStage } from "../../define-stage.ts";
import { decontaminateSettings } from "./settings.ts";

export const decontaminateStage = defineStage({
  name: "decontaminate",
  version: 1,
  module: import.meta.url,
  summary: "Drop text that appears in a benchmark.",
  schema: decontaminateSettings,
  files: ({ benchmarks }) => benchmarks,
  load: async (settings, { cwd }) => (await import("./decontaminate.ts")).createDecontaminate(settings, cwd),
});
