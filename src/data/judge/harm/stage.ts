import { defineStage } from "../../define-stage.ts";
import { harmSettings } from "./settings.ts";

export const harmStage = defineStage({
  name: "harm",
  version: 1,
  module: import.meta.url,
  summary: "Drop abusive, sexual and other harmful text.",
  schema: harmSettings,
  files: ({ words, allow, classifier }) => [...words, ...allow, ...(classifier === undefined ? [] : [classifier])],
  load: async (settings, { cwd }) => (await import("./harm.ts")).createHarm(settings, cwd),
});
