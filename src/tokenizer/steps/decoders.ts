import { z } from "zod";
import { tokenToBytes } from "./byte-alphabet.ts";
import { replacer } from "./normalizers.ts";
import { byteOfToken } from "./byte-fallback.ts";
import { oneCharacter, patternSchema, readSteps } from "./step-json.ts";
import { utf8Decoder } from "./stream-decoder.ts";

/** Tokens to the stretches of text that they stand for; joined they are the text. */
export type Decoder = (tokens: readonly string[]) => string[];

const stepSchema = z.discriminatedUnion("type", [
  // The options of the pre-tokenizer are written here too, and mean nothing.
  z.strictObject({
    type: z.literal("ByteLevel"),
    add_prefix_space: z.boolean().optional(),
    trim_offsets: z.boolean().optional(),
    use_regex: z.boolean().optional(),
  }),
  z.strictObject({
    type: z.literal("WordPiece"),
    prefix: z.string().default("##"),
    cleanup: z.boolean().default(true),
  }),
  z.strictObject({
    type: z.literal("Metaspace"),
    replacement: oneCharacter.default("▁"),
    prepend_scheme: z.enum(["first", "never", "always"]).optional(),
    add_prefix_space: z.boolean().nullish(),
    // How the pre-tokenizer cuts; nothing to a decoder.
    split: z.boolean().nullish(),
    str_rep: z.string().nullish(),
  }),
  z.strictObject({ type: z.literal("BPEDecoder"), suffix: z.string().default("</w>") }),
  z.strictObject({ type: z.literal("ByteFallback") }),
  z.strictObject({ type: z.literal("Fuse") }),
  z.strictObject({
    type: z.literal("CTC"),
    pad_token: z.string().default("<pad>"),
    word_delimiter_token: z.string().default("|"),
    cleanup: z.boolean().default(true),
  }),
  z.strictObject({
    type: z.literal("Strip"),
    content: oneCharacter,
    start: z.int().min(0).default(0),
    stop: z.int().min(0).default(0),
  }),
  z.strictObject({ type: z.literal("Replace"), pattern: patternSchema, content: z.string() }),
]);

/**
 * The `decoder` of a tokenizer.json. Without one, tokens are joined by blanks, as Hugging Face joins them.
 *
 * @throws NuwaError FILE naming what is not supported
 */
export function readDecoder(json: unknown, where: string): Decoder {
  if (json === null || json === undefined) return (tokens) => tokens.map((token, i) => (i === 0 ? token : ` ${token}`));
  const steps = readSteps(json, { schema: stepSchema, list: "decoders", where, part: "decoder" }).map(
    ({ step, part }) => makeDecoder(step, where, part),
  );
  return (tokens) => steps.reduce<string[]>((result, step) => step(result), [...tokens]);
}

function makeDecoder(step: z.infer<typeof stepSchema>, where: string, part: string): Decoder {
  switch (step.type) {
    case "ByteLevel":
      return (tokens) => {
        const bytes = tokens.map((token) => tokenToBytes(token) ?? Buffer.from(token));
        return [utf8Decoder().decode(Buffer.concat(bytes))];
      };
    case "WordPiece":
      return (tokens) =>
        tokens.map((token, i) => {
          const inside = token.startsWith(step.prefix);
          const text = i === 0 ? token : inside ? token.slice(step.prefix.length) : ` ${token}`;
          return step.cleanup ? cleanUp(text) : text;
        });
    case "Metaspace": {
      const scheme = step.prepend_scheme ?? (step.add_prefix_space === false ? "never" : "always");
      const { replacement } = step;
      return (tokens) =>
        tokens.map((token, i) => token.replaceAll(replacement, i === 0 && scheme !== "never" ? "" : " "));
    }
    case "BPEDecoder":
      return (tokens) => tokens.map((token, i) => replaceAll(token, step.suffix, i === tokens.length - 1 ? "" : " "));
    case "CTC":
      return (tokens) =>
        tokens
          .filter((token, i) => i === 0 || token !== tokens[i - 1])
          .map((token) => {
            const text = replaceAll(token, step.pad_token, "");
            return step.cleanup ? replaceAll(cleanUp(text), step.word_delimiter_token, " ") : text;
          })
          .filter((token) => token !== "");
    case "ByteFallback":
      return byteFallback;
    case "Fuse":
      return (tokens) => [tokens.join("")];
    case "Strip":
      return (tokens) => tokens.map((token) => strip(token, step.content, step.start, step.stop));
    case "Replace": {
      const replace = replacer(step.pattern, step.content, where, part);
      return (tokens) => tokens.map(replace);
    }
  }
}

function replaceAll(text: string, wanted: string, content: string): string {
  return wanted === "" ? text : text.replaceAll(wanted, content);
}

/** Blanks before punctuation and short forms, as written in English, go: BERT's `clean_up_tokenization`. */
function cleanUp(text: string): string {
  return text
    .replaceAll(" .", ".")
    .replaceAll(" ?", "?")
    .replaceAll(" !", "!")
    .replaceAll(" ,", ",")
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(" do not", " don't")
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re");
}

/** Runs of byte tokens to text; a run that is no UTF-8 to U+FFFD for each byte. */
function byteFallback(tokens: readonly string[]): string[] {
  const result: string[] = [];
  let run: number[] = [];
  const endRun = (): void => {
    if (run.length === 0) return;
    try {
      result.push(strictUtf8.decode(Uint8Array.from(run)));
    } catch {
      for (const _ of run) result.push("\ufffd");
    }
    run = [];
  };
  for (const token of tokens) {
    const byte = byteOfToken(token);
    if (byte !== undefined) {
      run.push(byte);
      continue;
    }
    endRun();
    result.push(token);
  }
  endRun();
  return result;
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** At most `start` of `content` off the front and `stop` off the end. */
function strip(token: string, content: string, start: number, stop: number): string {
  let from = 0;
  let to = token.length;
  for (let i = 0; i < start && token.startsWith(content, from); i++) from += content.length;
  for (let i = 0; i < stop && to - content.length >= from && token.slice(from, to).endsWith(content); i++) {
    to -= content.length;
  }
  return token.slice(from, to);
}

/** The bytes of text that one token stands for, for every kind of vocabulary: "▁a" and "Ġa" are " a", "##a" is "a". */
export function bytesOfToken(token: string, style: TokenStyle): Uint8Array {
  if (style.byteLevel) return tokenToBytes(token) ?? Buffer.from(token);
  const byte = style.byteFallback ? byteOfToken(token) : undefined;
  if (byte !== undefined) return Uint8Array.of(byte);
  let text = token;
  if (style.blank !== undefined) text = text.replaceAll(style.blank, " ");
  if (style.prefix !== undefined && style.prefix !== "" && text.startsWith(style.prefix)) {
    text = text.slice(style.prefix.length);
  }
  if (style.suffix !== undefined && style.suffix !== "" && text.endsWith(style.suffix)) {
    text = `${text.slice(0, -style.suffix.length)} `;
  }
  return Buffer.from(text);
}

/** How tokens of a vocabulary are written. */
export interface TokenStyle {
  /** In the alphabet of GPT-2's bytes. */
  readonly byteLevel: boolean;
  readonly byteFallback: boolean;
  /** What stands for a blank. */
  readonly blank?: string | undefined;
  /** Before tokens inside a word. */
  readonly prefix?: string | undefined;
  /** After the last token of a word. */
  readonly suffix?: string | undefined;
}
