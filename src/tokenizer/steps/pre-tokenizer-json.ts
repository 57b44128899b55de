import { z } from "zod";
import { byteCharacters } from "./byte-alphabet.ts";
import { unsupported } from "./json-faults.ts";
import { toJavaScriptRegex } from "./pattern.ts";
import { behaviors, regexScanner, type Behavior, type PieceScanner, type PreTokenizerStep } from "./pieces.ts";
import { presetScanner, scannerForPattern } from "./pre-tokenizer.ts";
import { oneCharacter, patternSchema, readSteps, textRegex, type PatternJson } from "./step-json.ts";
import { scanScripts } from "./unicode-scripts.ts";

const flag = z.boolean();

const metaspaceSchema = z.strictObject({
  type: z.literal("Metaspace"),
  replacement: oneCharacter.default("▁"),
  prepend_scheme: z.enum(["first", "never", "always"]).optional(),
  add_prefix_space: flag.nullish(),
  split: flag.nullish(),
  // Written by older versions: the replacement again.
  str_rep: z.string().nullish(),
});

const stepSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("BertPreTokenizer") }),
  z.strictObject({ type: z.literal("Whitespace") }),
  z.strictObject({ type: z.literal("WhitespaceSplit") }),
  z.strictObject({ type: z.literal("UnicodeScripts") }),
  z.strictObject({ type: z.literal("Punctuation"), behavior: z.enum(behaviors).default("Isolated") }),
  z.strictObject({ type: z.literal("Digits"), individual_digits: flag.default(false) }),
  z.strictObject({ type: z.literal("CharDelimiterSplit"), delimiter: oneCharacter }),
  z.strictObject({ type: z.literal("FixedLength"), length: z.int().min(1) }),
  z.strictObject({
    type: z.literal("Split"),
    pattern: patternSchema,
    behavior: z.enum(behaviors),
    invert: flag.default(false),
  }),
  z.strictObject({
    type: z.literal("ByteLevel"),
    add_prefix_space: flag.default(true),
    use_regex: flag.default(true),
    // Only for offsets, which are not told here.
    trim_offsets: flag.default(true),
  }),
  metaspaceSchema,
]);

/** ASCII punctuation and symbols, and all of Unicode's punctuation. */
const PUNCTUATION = "[!-/:-@\\[-`{-~\\p{P}]";
const WORD = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";

/** What a `pre_tokenizer` says. */
export interface PreTokenizer {
  readonly steps: readonly PreTokenizerStep[];
  /**
   * Pieces are written in the alphabet of bytes. "last": only the last step does it, so that it is left to a model that
   * reads bytes itself, and `steps` do not.
   */
  readonly byteLevel: "no" | "last" | "inside";
}

/**
 * Any `pre_tokenizer` of a tokenizer.json; without steps for none: then the model gets the text whole.
 *
 * @param forBytes whether the model reads bytes itself
 * @throws NuwaError FILE naming what is not supported
 */
export function readPreTokenizer(json: unknown, where: string, forBytes: boolean): PreTokenizer {
  const steps = readSteps(json, { schema: stepSchema, list: "pretokenizers", where, part: "pre_tokenizer" });
  const firstByteLevel = steps.findIndex(({ step }) => step.type === "ByteLevel");
  const isLast = firstByteLevel >= 0 && firstByteLevel === steps.length - 1;
  const leaveBytes = forBytes && isLast;
  return {
    steps: steps.flatMap(({ step, part }) => makeSteps(step, where, part, leaveBytes)),
    byteLevel: firstByteLevel < 0 ? "no" : isLast ? "last" : "inside",
  };
}

function makeSteps(
  step: z.infer<typeof stepSchema>,
  where: string,
  part: string,
  leaveBytes: boolean,
): PreTokenizerStep[] {
  switch (step.type) {
    case "BertPreTokenizer":
      return [
        { scan: regexScanner(/\p{White_Space}/gu, "Removed") },
        { scan: regexScanner(new RegExp(PUNCTUATION, "gu")) },
      ];
    case "Whitespace":
      return [{ scan: regexScanner(new RegExp(`[${WORD}]+|[^${WORD}\\p{White_Space}]+`, "gu"), "Removed", true) }];
    case "WhitespaceSplit":
      return [{ scan: regexScanner(/\p{White_Space}+/gu, "Removed") }];
    case "UnicodeScripts":
      return [{ scan: scanScripts }];
    case "Punctuation":
      return [{ scan: regexScanner(new RegExp(PUNCTUATION, "gu"), step.behavior) }];
    case "Digits":
      return [{ scan: regexScanner(step.individual_digits ? /\p{N}/gu : /\p{N}+/gu) }];
    case "CharDelimiterSplit":
      return [{ scan: regexScanner(textRegex(step.delimiter), "Removed") }];
    case "FixedLength":
      return [{ scan: regexScanner(new RegExp(`[\\s\\S]{1,${step.length}}`, "gu")) }];
    case "Split":
      return [{ scan: splitScanner(step.pattern, step.behavior, step.invert, where, part) }];
    case "ByteLevel": {
      const { add_prefix_space: addsBlank, use_regex: useRegex } = step;
      const cut = {
        change: addsBlank ? (text: string) => (text.startsWith(" ") ? text : ` ${text}`) : undefined,
        scan: useRegex ? presetScanner("gpt2") : undefined,
      };
      const steps = addsBlank || useRegex ? [cut] : [];
      return leaveBytes ? steps : [...steps, { change: toByteCharacters }];
    }
    case "Metaspace":
      return [metaspace(step, where, part)];
  }
}

function splitScanner(
  pattern: PatternJson,
  behavior: Behavior,
  invert: boolean,
  where: string,
  part: string,
): PieceScanner {
  if ("String" in pattern) return regexScanner(textRegex(pattern.String), behavior, invert);
  try {
    // Keeping the matches and removing all else cuts as isolating them does, where all text matches.
    return behavior === "Isolated"
      ? scannerForPattern(pattern.Regex)
      : regexScanner(toJavaScriptRegex(pattern.Regex), behavior, invert);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw unsupported(where, `${part}.pattern`, cause.message);
  }
}

/** A text in the alphabet of GPT-2's bytes: one character a byte. */
export function toByteCharacters(text: string): string {
  let result = "";
  for (const byte of Buffer.from(text)) result += byteCharacters[byte];
  return result;
}

/** Blanks to "▁", one before the text where the scheme says so, cut before each. */
function metaspace(step: z.infer<typeof metaspaceSchema>, where: string, part: string): PreTokenizerStep {
  const { replacement: mark, split } = step;
  if (step.add_prefix_space === false && (step.prepend_scheme ?? "never") !== "never") {
    throw unsupported(where, part, `add_prefix_space false beside prepend_scheme ${step.prepend_scheme}`);
  }
  const scheme = step.prepend_scheme ?? (step.add_prefix_space === false ? "never" : "always");
  return {
    change: (text, isFirst) => {
      const replaced = mark === " " ? text : text.replaceAll(" ", mark);
      const prefix = scheme === "always" || (scheme === "first" && isFirst);
      return prefix && !replaced.startsWith(mark) ? mark + replaced : replaced;
    },
    scan: split === false ? undefined : markScanner(mark),
  };
}

/** Every `mark` begins a piece, also one right after another. */
export function markScanner(mark: string): PieceScanner {
  return (text, start) => {
    const next = text.indexOf(mark, start + 1);
    return next < 0 ? text.length : next;
  };
}
