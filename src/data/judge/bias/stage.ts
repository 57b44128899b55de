import { writeWhole } from "../../../io/whole-file.ts";
import { defineStage } from "../../define-stage.ts";
import type { BiasCounts } from "./bias.ts";
import { biasSettings } from "./settings.ts";

export const biasStage = defineStage({
  name: "bias",
  version: 1,
  module: import.meta.url,
  summary: "Measure which groups appear with which attributes; remove or balance.",
  schema: biasSettings,
  // Sentences are counted over all documents; then each is judged by the whole corpus's associations.
  prepare:
    (settings) =>
    async ({ documents, file }) => {
      const { BiasFinder, countBias } = await import("./bias.ts");
      const finder = new BiasFinder(settings);
      const counts: BiasCounts = { groups: {}, pairs: {} };
      for await (const { text } of documents) countBias(text, finder, counts);
      writeWhole(file, `${JSON.stringify(counts)}\n`);
    },
  load: async (settings, { prepared }) => {
    const { createBias, readBiasCounts } = await import("./bias.ts");
    return createBias(settings, readBiasCounts(prepared ?? ""));
  },
});
