import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Document } from "../../../text/document.ts";
import { NuwaError } from "../../../text/errors.ts";
import type { DocumentMapper, Verdict } from "../../stage.ts";
import { NgramModel } from "../../../ngram/ngram-model.ts";
import type { PerplexitySettings } from "./settings.ts";

/**
 * Reads a model file.
 * @throws NuwaError FILE, DATA
 */
export function readNgramModel(file: string, cwd: string = process.cwd()): NgramModel {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(resolve(cwd, file));
  } catch (cause) {
    throw new NuwaError("FILE", "expected an n-gram model; it cannot be read", { where: file, cause });
  }
  return NgramModel.fromBytes(bytes, file);
}

/** The perplexity stage: drops documents beyond the bounds, notes the figure in the others. */
export function createPerplexity(
  settings: Pick<PerplexitySettings, "max_perplexity" | "min_perplexity" | "annotate">,
  model: NgramModel,
): DocumentMapper {
  const { max_perplexity: most, min_perplexity: least, annotate } = settings;
  return {
    name: "perplexity",
    map(document: Document): Verdict {
      const value = model.score(document.text).perplexity;
      if (most !== null && value > most) return { drop: { rule: "perplexity.max_perplexity", value, threshold: most } };
      if (least !== null && value < least)
        return { drop: { rule: "perplexity.min_perplexity", value, threshold: least } };
      if (!annotate) return { keep: document };
      return { keep: { ...document, meta: { ...document.meta, perplexity: Number(value.toPrecision(5)) } } };
    },
  };
}
