import { z } from "zod";
import { NuwaError } from "../../text/index.ts";
import { Charsmap } from "./charsmap.ts";
import { unsupported } from "./json-faults.ts";
import { toJavaScriptRegex } from "./pattern.ts";
import { findMatches } from "./pieces.ts";
import { toByteCharacters } from "./pre-tokenizer-json.ts";
import { patternSchema, readSteps, textRegex, type PatternJson } from "./step-json.ts";

/** What is done to a text before it is cut. */
export type Normalizer = (text: string) => string;

const flag = z.boolean();

const bertSchema = z.strictObject({
  type: z.literal("BertNormalizer"),
  clean_text: flag.default(true),
  handle_chinese_chars: flag.default(true),
  strip_accents: flag.nullish(),
  lowercase: flag.default(true),
});

const stepSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.enum(["NFC", "NFD", "NFKC", "NFKD"]) }),
  z.strictObject({ type: z.literal("Lowercase") }),
  z.strictObject({ type: z.literal("StripAccents") }),
  z.strictObject({ type: z.literal("Nmt") }),
  z.strictObject({
    type: z.literal("Strip"),
    strip_left: flag.default(true),
    strip_right: flag.default(true),
  }),
  z.strictObject({ type: z.literal("Replace"), pattern: patternSchema, content: z.string() }),
  z.strictObject({ type: z.literal("ByteLevel") }),
  z.strictObject({ type: z.literal("Prepend"), prepend: z.string() }),
  z.strictObject({ type: z.literal("Precompiled"), precompiled_charsmap: z.string().nullable() }),
  bertSchema,
]);

/**
 * The `normalizer` of a tokenizer.json as one function; undefined for none.
 *
 * @param without a step that is left out
 * @throws NuwaError FILE naming what is not supported
 */
export function readNormalizer(json: unknown, where: string, without?: string): Normalizer | undefined {
  const steps = readSteps(json, {
    schema: stepSchema,
    list: "normalizers",
    where,
    part: "normalizer",
  })
    .filter(({ step }) => step.type !== without)
    .map(({ step, part }) => makeStep(step, where, part))
    .filter((step) => step !== undefined);
  return steps.length === 0 ? undefined : (text) => steps.reduce((result, step) => step(result), text);
}

function makeStep(step: z.infer<typeof stepSchema>, where: string, part: string): Normalizer | undefined {
  switch (step.type) {
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return (text) => text.normalize(step.type);
    case "Lowercase":
      return lowercase;
    case "StripAccents":
      return stripAccents;
    case "Nmt":
      return nmt;
    case "Strip":
      return (text) => {
        const left = step.strip_left ? text.replace(/^\p{White_Space}+/u, "") : text;
        return step.strip_right ? left.replace(/\p{White_Space}+$/u, "") : left;
      };
    case "Replace":
      return replacer(step.pattern, step.content, where, part);
    case "Prepend":
      return (text) => (text === "" ? "" : step.prepend + text);
    case "Precompiled": {
      if (step.precompiled_charsmap === null || step.precompiled_charsmap === "") return undefined;
      const charsmap = new Charsmap(base64(step.precompiled_charsmap, where, part), where);
      return (text) => charsmap.byGrapheme(text);
    }
    case "ByteLevel":
      return toByteCharacters;
    case "BertNormalizer":
      return bertNormalizer(step);
  }
}

/** Bytes of base64, or an error: Node's own reader skips what it does not know. */
export function base64(text: string, where: string, part: string): Buffer {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.replace(/=+$/, "").length % 4 === 1) {
    throw new NuwaError("FILE", `malformed ${part}: expected base64`, { where });
  }
  return Buffer.from(text, "base64");
}

/** A `Replace`, as normalizer or as decoder: every match, its content taken literally. */
export function replacer(pattern: PatternJson, content: string, where: string, part: string): Normalizer {
  if ("String" in pattern && pattern.String !== "") {
    const wanted = pattern.String;
    return (text) => text.replaceAll(wanted, () => content);
  }
  try {
    const regex = "String" in pattern ? textRegex(pattern.String) : toJavaScriptRegex(pattern.Regex);
    return (text) => {
      if (text === "") return "";
      let result = "";
      let last = 0;
      for (const { start, end } of findMatches(text, regex)) {
        result += text.slice(last, start) + content;
        last = end;
      }
      return last === 0 && result === "" ? text : result + text.slice(last);
    };
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw unsupported(where, `${part}.pattern`, cause.message);
  }
}

// eslint-disable-next-line no-control-regex
const ASCII = /^[\x00-\x7f]*$/;

/** Every character by itself, so that a final sigma is as any other. */
export function lowercase(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  let result = "";
  for (const character of text) result += character.toLowerCase();
  return result;
}

/** Every combining mark; BERT's own rule is for marks without width only. */
function stripAccents(text: string): string {
  return ASCII.test(text) ? text : text.replace(/\p{M}/gu, "");
}

/** Controls that the rules of the NMT system leave alone. */
const KEPT = new Set(
  "\0\t\n\f\r\u0080\u0081\u0082\u0083\u0084\u0085\u0086\u0087\u0088\u0089\u008a\u008b\u008c\u008d\u008e",
);
for (let code = 0x90; code <= 0x9e; code++) KEPT.add(String.fromCharCode(code));

/** Controls go, and every kind of blank becomes one: the rules of the NMT system, as Hugging Face has them. */
function nmt(text: string): string {
  return text
    .replace(/\p{Cc}/gu, (control) => (KEPT.has(control) ? control : ""))
    .replace(/[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g, " ");
}

const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

/**
 * BERT's BasicTokenizer before it cuts: controls out, blanks to " ", a blank on both sides of each Chinese character,
 * accents off, small letters. Source: Devlin et al. 2019, tokenization.py; ranges as in Hugging Face's bert.rs.
 */
export function bertNormalizer(options: {
  readonly clean_text: boolean;
  readonly handle_chinese_chars: boolean;
  readonly strip_accents?: boolean | null | undefined;
  readonly lowercase: boolean;
}): Normalizer {
  const accents = options.strip_accents ?? options.lowercase;
  return (text) => {
    let result = text;
    if (options.clean_text) {
      result = result.replace(/\ufffd|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]/gu, "").replace(/\p{White_Space}/gu, " ");
    }
    if (options.handle_chinese_chars) result = result.replace(CHINESE, " $& ");
    if (accents && !ASCII.test(result)) result = result.normalize("NFD").replace(/\p{Mn}/gu, "");
    return options.lowercase ? lowercase(result) : result;
  };
}
