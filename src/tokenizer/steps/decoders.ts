import { z } from "zod";
import { tokenToBytes } from "./byte-alphabet.ts";
import { unsupported } from "./json-faults.ts";
import { replacer } from "./normalizers.ts";
import { byteOfToken } from "./byte-fallback.ts";
import { utf8Decoder } from "./stream-decoder.ts";

/** Tokens to the stretches of text that they stand for; joined they are the text. */
export type Decoder = (tokens: readonly string[]) => string[];

const pattern = z.union([z.object({ String: z.string() }), z.object({ Regex: z.string() })]);

const stepSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ByteLevel") }),
  z.object({ type: z.literal("WordPiece"), prefix: z.string().default("##"), cleanup: z.boolean().default(true) }),
  z.object({
    type: z.literal("Metaspace"),
    replacement: z.string().min(1).default("▁"),
    prepend_scheme: z.enum(["first", "never", "always"]).optional(),
    add_prefix_space: z.boolean().optional(),
  }),
  z.object({ type: z.literal("BPEDecoder"), suffix: z.string().default("</w>") }),
  z.object({ type: z.literal("ByteFallback") }),
  z.object({ type: z.literal("Fuse") }),
  z.object({
    type: z.literal("Strip"),
    content: z.string().min(1),
    start: z.int().min(0).default(0),
    stop: z.int().min(0).default(0),
  }),
  z.object({ type: z.literal("Replace"), pattern, content: z.string() }),
]);

const sequenceSchema = z.object({ type: z.literal("Sequence"), decoders: z.array(z.unknown()) });

/**
 * The `decoder` of a tokenizer.json. Without one, tokens are joined by blanks, as Hugging Face joins them.
 *
 * @throws NuwaError FILE naming what is not supported
 */
export function readDecoder(json: unknown, where: string, part = "decoder"): Decoder {
  if (json === null || json === undefined) return (tokens) => tokens.map((token, i) => (i === 0 ? token : ` ${token}`));
  const sequence = sequenceSchema.safeParse(json);
  if (sequence.success) {
    const steps = sequence.data.decoders.map((one, index) => readDecoder(one, where, `${part}.decoders[${index}]`));
    return (tokens) => steps.reduce<string[]>((result, step) => step(result), [...tokens]);
  }
  const step = stepSchema.safeParse(json);
  if (!step.success) {
    const issue = step.error.issues[0];
    const at = issue === undefined || issue.path.length === 0 ? part : `${part}.${issue.path.join(".")}`;
    throw unsupported(where, at, issue?.message ?? "not a decoder that can be read");
  }
  return makeDecoder(step.data, where, part);
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
      return (tokens) => tokens.map((token, i) => token.replaceAll(step.suffix, i === tokens.length - 1 ? "" : " "));
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
