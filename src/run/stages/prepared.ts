import { readFileSync } from "node:fs";
import * as path from "node:path";
import type { BiasCounts } from "../../data/judge/bias/bias.ts";
import type { BiasSettings } from "../../data/judge/bias/settings.ts";
import type { PerplexitySettings } from "../../data/judge/perplexity/settings.ts";
import type { SpellingSettings } from "../../data/clean/spelling/settings.ts";
import { NuwaError } from "../../text/index.ts";
import { writeWhole } from "../../io/whole-file.ts";
import type { RunDirectory } from "../manifest/run-directory.ts";
import { stopIfAborted, type Stage } from "./stage.ts";
import { mapStage } from "./map.ts";

/** Spelling correction; words are counted in the recipe's files, else in the documents, before the first is corrected. */
export function spellingStage(directory: RunDirectory, settings: SpellingSettings, before: string): Stage {
  const files = [...settings.frequencies, ...settings.dictionary];
  if (settings.frequencies.length > 0) return mapStage(directory, { stage: "spelling", settings }, before, { files });
  return mapStage(directory, { stage: "spelling", settings }, before, {
    files,
    prepare: async (from, file, { signal }) => {
      const { countWords, writeCounts } = await import("../../data/clean/spelling/index.ts");
      const counts = new Map<string, number>();
      let documents = 0;
      for await (const { text, language } of from.read()) {
        if (++documents % 64 === 0) stopIfAborted(signal);
        if (language === undefined || language === "en") countWords(text, counts);
      }
      writeWhole(file, writeCounts(counts));
    },
  });
}

/** The perplexity filter; its model is the recipe's, or trained first on the recipe's reference texts. */
export function perplexityStage(directory: RunDirectory, settings: PerplexitySettings, before: string): Stage {
  const { model, reference, order, unit } = settings;
  if (reference === undefined) {
    return mapStage(directory, { stage: "perplexity", settings }, before, {
      files: model === undefined ? [] : [model],
    });
  }
  return mapStage(directory, { stage: "perplexity", settings }, before, {
    files: reference,
    prepare: async (_from, file, { cwd }) => {
      const { trainNgram } = await import("../../data/judge/perplexity/index.ts");
      const texts = reference.map((name) => readText(path.resolve(cwd, name), name));
      writeWhole(file, trainNgram(texts, { order, unit }).toBytes());
    },
  });
}

/** Bias: sentences are counted over all documents, then documents are judged by the whole corpus's associations. */
export function biasStage(directory: RunDirectory, settings: BiasSettings, before: string): Stage {
  return mapStage(directory, { stage: "bias", settings }, before, {
    prepare: async (from, file, { signal }) => {
      const { BiasFinder, countBias } = await import("../../data/judge/bias/index.ts");
      const finder = new BiasFinder(settings);
      const counts: BiasCounts = { groups: {}, pairs: {} };
      let documents = 0;
      for await (const { text } of from.read()) {
        if (++documents % 64 === 0) stopIfAborted(signal);
        countBias(text, finder, counts);
      }
      writeWhole(file, `${JSON.stringify(counts)}\n`);
    },
  });
}

function readText(file: string, name: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new NuwaError("FILE", "expected a text file; it cannot be read", { where: name, cause });
  }
}
