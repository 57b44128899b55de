import { defineFilesStage } from "../../define-files-stage.ts";
import { packSettings } from "./settings.ts";

export const packStage = defineFilesStage({
  name: "pack",
  version: 1,
  summary: "Turn text into token files: training and held-out data.",
  schema: packSettings,
  inherits: ["seed"],
  folder: "tokens",
  unit: "documents",
  readsDocuments: true,
  reads: ["tokenizer"],
  outputs: ["meta.json", "train.bin"],
  load: async () => (await import("./write.ts")).writeTokens,
});
