import { defineCorpusStage } from "../../define-corpus-stage.ts";
import { dedupSettings } from "./settings.ts";

export const dedupStage = defineCorpusStage({
  name: "dedup",
  version: 2,
  module: import.meta.url,
  summary: "Drop copies and near copies.",
  schema: dedupSettings.unwrap(),
  load: async () => (await import("./rounds.ts")).dedupWork,
});
