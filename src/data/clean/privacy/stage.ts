import { defineStage } from "../../define-stage.ts";
import { privacySettings } from "./settings.ts";

export const privacyStage = defineStage({
  name: "privacy",
  version: 2,
  module: import.meta.url,
  summary: "Mask or remove personal data.",
  schema: privacySettings,
  load: async (settings) => (await import("./privacy.ts")).createPrivacy(settings),
});
