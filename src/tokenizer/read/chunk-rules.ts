import { z } from "zod";
import type { AddedToken } from "../steps/added-tokens.ts";
import { plainCharacters, type ChunkRules } from "../steps/chunks.ts";
import type { Normalizer } from "../steps/normalizers.ts";

const step = z.looseObject({ type: z.string() });
const sequence = z.object({ type: z.literal("Sequence") }).loose();

/** Blanks only: what they match never reaches over a character that is none. */
const BLANK_PATTERNS = new Set([" {2,}", " +", "[ ]+"]);

/** What is known of a tokenizer.json when rules are sought. */
export interface ChunkSource {
  readonly normalizer: unknown;
  readonly preTokenizer: unknown;
  readonly added: readonly AddedToken[];
  readonly normalize: Normalizer | undefined;
  /** The mark before which the model's pieces may be cut. */
  readonly cutBeforeRuns: string | undefined;
}

/**
 * Where a text may be cut before it is normalized, so that whole words can be kept with their ids. Every step must do the
 * same to the parts as to the whole; undefined where that is not known.
 */
export function chunkRules(source: ChunkSource): ChunkRules | undefined {
  if (source.added.some(({ normalized }) => normalized === true)) return undefined;
  const normalizers = stepsOf(source.normalizer, "normalizers");
  const cutters = stepsOf(source.preTokenizer, "pretokenizers");
  const mark = source.cutBeforeRuns;
  let hasMark = false;
  let apart = false;
  for (const [index, one] of normalizers.entries()) {
    if (one.type === "Replace") {
      const pattern = z.object({ String: z.string() }).safeParse(one["pattern"]).data?.String;
      const regex = z.object({ Regex: z.string() }).safeParse(one["pattern"]).data?.Regex;
      const content = String(one["content"]);
      const isBlank = pattern === " " || (regex !== undefined && BLANK_PATTERNS.has(regex));
      if (pattern === " " && content === mark && cutters.length === 0) hasMark = true;
      else if (isBlank && content !== " ") return undefined;
      else if (!isBlank && (pattern === undefined || pattern === "" || `${pattern}${content}`.includes(" "))) {
        return undefined;
      }
    } else if (one.type === "Prepend") {
      // Left out of all but the first part.
      if (index > 0 || cutters.length > 0) return undefined;
    } else if (one.type === "BertNormalizer") apart ||= one["handle_chinese_chars"] !== false;
    else if (one.type === "Precompiled") {
      const { normalize } = source;
      if (normalize !== undefined && plainCharacters().some((character) => isBlank(normalize(character))))
        return undefined;
    } else if (!["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt"].includes(one.type)) return undefined;
  }
  if (cutters.length === 0) return hasMark ? { hanApart: false, punctuationApart: false } : undefined;
  return cutterRules(cutters, normalizers.length > 0, apart);
}

function isBlank(text: string): boolean {
  return text === "" || /^\p{White_Space}|\p{White_Space}$/u.test(text);
}

/** The steps up to the first that cuts before every blank must leave the rest to it. */
function cutterRules(
  cutters: readonly z.infer<typeof step>[],
  isNormalized: boolean,
  apart: boolean,
): ChunkRules | undefined {
  // What an earlier one cuts, this would have to see whole.
  if (cutters.some((one) => one["prepend_scheme"] === "first") && (isNormalized || cutters.length > 1))
    return undefined;
  for (const one of cutters) {
    switch (one.type) {
      case "BertPreTokenizer":
        return { hanApart: apart, punctuationApart: true };
      case "Whitespace":
        return { hanApart: apart, punctuationApart: !isNormalized || apart };
      case "WhitespaceSplit":
        return { hanApart: apart, punctuationApart: false };
      case "Metaspace":
        return one["split"] === false ? undefined : { hanApart: false, punctuationApart: false };
      case "ByteLevel":
        return one["use_regex"] === false ? undefined : { hanApart: false, punctuationApart: !isNormalized };
      case "Digits":
        break;
      case "Punctuation":
        if (one["behavior"] !== "Isolated" && one["behavior"] !== "Contiguous") return undefined;
        break;
      default:
        return undefined;
    }
  }
  return undefined;
}

function stepsOf(json: unknown, list: string): z.infer<typeof step>[] {
  if (json === null || json === undefined) return [];
  const steps = sequence.safeParse(json);
  if (steps.success)
    return z
      .array(z.unknown())
      .parse(steps.data[list])
      .flatMap((one) => stepsOf(one, list));
  return [step.parse(json)];
}
