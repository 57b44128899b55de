import { z } from "zod";
import { byteCharacters } from "./byte-alphabet.ts";
import { unsupported } from "./json-faults.ts";
import { forEachPiece, presetScanner, toJavaScriptRegex } from "./pre-tokenizer.ts";
import { behaviors, splitText } from "./split-behavior.ts";

/**
 * Cuts a stretch of text into pieces for the model, which may also change them (a blank to "▁").
 *
 * @param first whether the stretch begins the whole text
 */
export type Cutter = (text: string, first: boolean) => string[];

const flag = z.boolean();
const pattern = z.union([z.object({ Regex: z.string() }), z.object({ String: z.string() })]);
const metaspaceSchema = z.object({
  type: z.literal("Metaspace"),
  replacement: z.string().min(1).default("▁"),
  prepend_scheme: z.enum(["first", "never", "always"]).optional(),
  add_prefix_space: flag.optional(),
  split: flag.default(true),
});

const stepSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("BertPreTokenizer") }),
  z.object({ type: z.literal("Whitespace") }),
  z.object({ type: z.literal("WhitespaceSplit") }),
  z.object({ type: z.literal("Punctuation"), behavior: z.enum(behaviors).default("Isolated") }),
  z.object({ type: z.literal("Digits"), individual_digits: flag.default(false) }),
  z.object({ type: z.literal("CharDelimiterSplit"), delimiter: z.string().min(1) }),
  z.object({
    type: z.literal("Split"),
    pattern,
    behavior: z.enum(behaviors),
    invert: flag.default(false),
  }),
  z.object({
    type: z.literal("ByteLevel"),
    add_prefix_space: flag.default(true),
    use_regex: flag.default(true),
  }),
  metaspaceSchema,
]);

const sequenceSchema = z.object({ type: z.literal("Sequence"), pretokenizers: z.array(z.unknown()) });

/** ASCII punctuation and symbols, and all of Unicode's punctuation. */
const PUNCTUATION = "[!-/:-@\\[-`{-~\\p{P}]";

/**
 * Any `pre_tokenizer` of a tokenizer.json; undefined for none: then the model gets the stretch whole.
 *
 * @throws NuwaError FILE naming what is not supported
 */
export function readCutter(json: unknown, where: string, part = "pre_tokenizer"): Cutter | undefined {
  if (json === null || json === undefined) return undefined;
  const sequence = sequenceSchema.safeParse(json);
  if (sequence.success) {
    const steps = sequence.data.pretokenizers
      .map((one, index) => readCutter(one, where, `${part}.pretokenizers[${index}]`))
      .filter((step) => step !== undefined);
    if (steps.length === 0) return undefined;
    return (text, first) =>
      steps.reduce((pieces, step) => pieces.flatMap((piece, i) => step(piece, first && i === 0)), [text]);
  }
  const step = stepSchema.safeParse(json);
  if (!step.success) {
    const issue = step.error.issues[0];
    const at = issue === undefined || issue.path.length === 0 ? part : `${part}.${issue.path.join(".")}`;
    throw unsupported(where, at, issue?.message ?? "not a pre-tokenizer that can be read");
  }
  return makeCutter(step.data, where, part);
}

function makeCutter(step: z.infer<typeof stepSchema>, where: string, part: string): Cutter {
  switch (step.type) {
    case "BertPreTokenizer":
      return (text) => text.match(BERT_PIECE) ?? [];
    case "Whitespace":
      return (text) =>
        text.match(
          /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu,
        ) ?? [];
    case "WhitespaceSplit":
      return (text) => text.match(/\P{White_Space}+/gu) ?? [];
    case "Punctuation": {
      const regex = new RegExp(PUNCTUATION, "gu");
      return (text) => splitText(text, regex, step.behavior);
    }
    case "Digits": {
      const regex = /\p{N}/gu;
      return (text) => splitText(text, regex, step.individual_digits ? "Isolated" : "Contiguous");
    }
    case "CharDelimiterSplit": {
      const { delimiter } = step;
      return (text) => text.split(delimiter).filter((piece) => piece !== "");
    }
    case "Split": {
      const source =
        "Regex" in step.pattern ? step.pattern.Regex : step.pattern.String.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
      try {
        const regex = toJavaScriptRegex(source);
        return (text) => splitText(text, regex, step.behavior, step.invert);
      } catch (cause) {
        if (!(cause instanceof SyntaxError)) throw cause;
        throw unsupported(where, `${part}.pattern`, cause.message);
      }
    }
    case "ByteLevel":
      return byteLevel(step.add_prefix_space, step.use_regex);
    case "Metaspace":
      return metaspace(step);
  }
}

const BERT_PIECE = new RegExp(`${PUNCTUATION}|(?:(?!${PUNCTUATION})\\P{White_Space})+`, "gu");

function byteLevel(addPrefixSpace: boolean, useRegex: boolean): Cutter {
  const scanners = useRegex ? [presetScanner("gpt2")] : [];
  return (text) => {
    const pieces: string[] = [];
    const spaced = addPrefixSpace && !text.startsWith(" ") ? ` ${text}` : text;
    forEachPiece(scanners, spaced, (whole, start, end) => {
      let piece = "";
      for (const byte of Buffer.from(whole.slice(start, end))) piece += byteCharacters[byte];
      pieces.push(piece);
    });
    return pieces;
  };
}

/** Blanks to "▁", one before the text where the scheme says so, cut before each. */
function metaspace(step: z.infer<typeof metaspaceSchema>): Cutter {
  const { replacement, split } = step;
  const scheme = step.prepend_scheme ?? (step.add_prefix_space === false ? "never" : "always");
  return (text, first) => {
    let replaced = text.replaceAll(" ", replacement);
    const prefix = scheme === "always" || (scheme === "first" && first);
    if (prefix && replaced !== "" && !replaced.startsWith(replacement)) replaced = replacement + replaced;
    return split ? cutBefore(replaced, replacement) : [replaced];
  };
}

/** Every `mark` begins a piece, also one right after another. */
export function cutBefore(text: string, mark: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  for (let at = text.indexOf(mark, 1); at >= 0; at = text.indexOf(mark, at + mark.length)) {
    pieces.push(text.slice(start, at));
    start = at;
  }
  if (start < text.length) pieces.push(text.slice(start));
  return pieces;
}
