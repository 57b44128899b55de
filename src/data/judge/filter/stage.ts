import { defineStage } from "../../define-stage.ts";
import { filterSettings } from "./settings.ts";

export const filterStage = defineStage({
  name: "filter",
  version: 2,
  module: import.meta.url,
  summary: "Drop documents of other languages and of low quality.",
  schema: filterSettings.unwrap(),
  files: ({ url }) => [...url.domains, ...url.addresses],
  // The tables of the language detector take 80 MB.
  load: async (settings, { cwd }) => (await import("./filter.ts")).createFilter(settings, cwd),
  figures: async (settings, document) => (await import("./filter.ts")).createFilter(settings).figures(document).rules,
});
