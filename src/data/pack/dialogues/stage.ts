import { defineFilesStage } from "../../define-files-stage.ts";
import { dialogueSettings } from "./settings.ts";

export const dialoguesStage = defineFilesStage({
  name: "dialogues",
  version: 1,
  summary: "Make the dialogues that the model learns to answer from.",
  schema: dialogueSettings,
  inherits: ["seed"],
  folder: "dialogues",
  unit: "records",
  readsDocuments: false,
  reads: [],
  outputs: ["train.jsonl", "held-out.jsonl", "questions.jsonl"],
  sources: ({ files, facts }) => ({
    ...(files.length > 0 ? { "dialogue files": { patterns: files } } : {}),
    ...Object.fromEntries(
      facts.map((set) => [`files of "${set.name}"`, { patterns: [set.files].flat(), format: set.format }]),
    ),
  }),
  load: async () => (await import("./write.ts")).writeDialogues,
});
