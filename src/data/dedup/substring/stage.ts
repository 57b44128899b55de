import { defineCorpusStage } from "../../define-corpus-stage.ts";
import { substringSettings } from "./settings.ts";

export const substringStage = defineCorpusStage({
  name: "substring",
  version: 1,
  module: import.meta.url,
  summary: "Remove passages that came before in the corpus.",
  schema: substringSettings.unwrap(),
  load: async () => (await import("./rounds.ts")).substringWork,
});
