import { writeWhole } from "../../../io/whole-file.ts";
import { defineStage } from "../../define-stage.ts";
import { spellingSettings } from "./settings.ts";

export const spellingStage = defineStage({
  name: "spelling",
  version: 1,
  module: import.meta.url,
  summary: "Correct the spelling of English documents.",
  schema: spellingSettings,
  files: ({ frequencies, dictionary }) => [...frequencies, ...dictionary],
  // Words are counted in the recipe's files, else in the documents themselves.
  prepare: ({ frequencies }) =>
    frequencies.length > 0
      ? undefined
      : async ({ documents, file }) => {
          const { countWords, writeCounts } = await import("./spelling.ts");
          const counts = new Map<string, number>();
          for await (const { text, language } of documents) {
            if (language === undefined || language === "en") countWords(text, counts);
          }
          writeWhole(file, writeCounts(counts));
        },
  load: async (settings, { cwd, prepared }) => {
    const { createSpelling, readCounts } = await import("./spelling.ts");
    const files = prepared === undefined ? settings.frequencies : [prepared];
    return createSpelling(settings, readCounts(files, cwd), cwd);
  },
});
