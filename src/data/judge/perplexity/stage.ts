import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { writeWhole } from "../../../io/whole-file.ts";
import { NuwaError } from "../../../text/errors.ts";
import { defineStage } from "../../define-stage.ts";
import { perplexitySettings } from "./settings.ts";

export const perplexityStage = defineStage({
  name: "perplexity",
  version: 1,
  module: import.meta.url,
  summary: "Drop documents that a model of good text finds too surprising.",
  schema: perplexitySettings,
  files: ({ model, reference }) => reference ?? (model === undefined ? [] : [model]),
  // The model is the recipe's, or trained first on the recipe's reference texts.
  prepare: ({ reference, order, unit }) =>
    reference === undefined
      ? undefined
      : async ({ file, cwd }) => {
          const { trainNgram } = await import("../../../ngram/train-ngram.ts");
          const texts = reference.map((name) => readText(resolve(cwd, name), name));
          writeWhole(file, trainNgram(texts, { order, unit }).toBytes());
        },
  load: async (settings, { cwd, prepared }) => {
    const { createPerplexity, readNgramModel } = await import("./perplexity.ts");
    return createPerplexity(settings, readNgramModel(prepared ?? settings.model ?? "", cwd));
  },
});

function readText(file: string, name: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new NuwaError("FILE", "expected a text file; it cannot be read", { where: name, cause });
  }
}
