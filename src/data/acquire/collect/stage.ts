import { defineSourceStage } from "../../define-source-stage.ts";
import { collectSettings } from "./settings.ts";

export const collectStage = defineSourceStage({
  name: "collect",
  version: 2,
  summary: "Read documents from files.",
  schema: collectSettings,
  sources: ({ sources }) =>
    Object.fromEntries(
      sources.map(({ files, exclude, format }, index) => [
        `files of source ${index + 1}`,
        { patterns: [files].flat(), exclude: [exclude ?? []].flat(), format },
      ]),
    ),
  load: async () => (await import("./collect.ts")).collect,
});
