import { NuwaError } from "../../text/index.ts";
import { addedTokenJson, AddedTokens } from "../steps/added-tokens.ts";
import { BpeTokenizer } from "../models/bpe-tokenizer.ts";
import { bytesToToken } from "../steps/byte-alphabet.ts";
import { scannerForPattern } from "../steps/pre-tokenizer.ts";
import type { Tokenizer } from "../types.ts";
import { Vocabulary } from "../steps/vocabulary.ts";

/** What a tiktoken rank file lacks: the pattern that cuts texts, and the special tokens. */
export interface TiktokenEncoding {
  /** How text is cut, in Rust's regular expressions. */
  readonly pattern: string;
  readonly special: Readonly<Record<string, number>>;
}

const GPT2 = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const CL100K =
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s+$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s";
const UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const SHORT = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";
const O200K = [
  `[^\\r\\n\\p{L}\\p{N}]?${UPPER}*${LOWER}+${SHORT}`,
  `[^\\r\\n\\p{L}\\p{N}]?${UPPER}+${LOWER}*${SHORT}`,
  "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
].join("|");

const fim = (end: number, first: number, prompt: number): Record<string, number> => ({
  "<|endoftext|>": end,
  "<|fim_prefix|>": first,
  "<|fim_middle|>": first + 1,
  "<|fim_suffix|>": first + 2,
  "<|endofprompt|>": prompt,
});

/**
 * OpenAI's encodings by name: a rank file has neither its pattern nor its control tokens.
 * Possessive quantifiers are left out: what follows them could match nothing that they would give back.
 * Source: tiktoken_ext/openai_public.py.
 */
export const tiktokenEncodings: Readonly<Record<string, TiktokenEncoding>> = {
  gpt2: { pattern: GPT2, special: { "<|endoftext|>": 50256 } },
  r50k_base: { pattern: GPT2, special: { "<|endoftext|>": 50256 } },
  p50k_base: { pattern: GPT2, special: { "<|endoftext|>": 50256 } },
  p50k_edit: {
    pattern: GPT2,
    special: {
      "<|endoftext|>": 50256,
      "<|fim_prefix|>": 50281,
      "<|fim_middle|>": 50282,
      "<|fim_suffix|>": 50283,
    },
  },
  cl100k_base: { pattern: CL100K, special: fim(100257, 100258, 100276) },
  o200k_base: { pattern: O200K, special: { "<|endoftext|>": 199999, "<|endofprompt|>": 200018 } },
};

/** The encoding that a file's name speaks of, else the one that a count of ranks is known for. */
export function guessEncoding(name: string, ranks: number): string | undefined {
  const named = Object.keys(tiktokenEncodings).find((encoding) => name.includes(encoding));
  if (named !== undefined) return named;
  const counts: Record<number, string> = {
    50256: "r50k_base",
    50280: "p50k_base",
    100256: "cl100k_base",
    199998: "o200k_base",
  };
  return counts[ranks];
}

/**
 * The ranks of a `.tiktoken` file: on each line a token in base64, a blank and its rank, which is its id.
 *
 * @param where the file's name, for messages
 * @throws NuwaError FILE with the line that is malformed
 */
export function readRanks(text: string, where: string): Map<number, Uint8Array> {
  const ranks = new Map<number, Uint8Array>();
  const earlier = new Set<string>();
  text.split("\n").forEach((line, index) => {
    if (line.trim() === "") return;
    const fault = (message: string): NuwaError =>
      new NuwaError("FILE", `malformed tiktoken file: ${message}`, {
        where: `${where}:${index + 1}`,
        hint: "expected a token in base64, a blank and its rank",
      });
    const match = /^([A-Za-z0-9+/]+={0,2}) (\d{1,8})\r?$/.exec(line);
    const [, encoded, digits] = match ?? [];
    if (encoded === undefined || digits === undefined) throw fault(`got ${JSON.stringify(line.slice(0, 60))}`);
    if (encoded.length % 4 !== 0) throw fault("base64 that is cut short");
    const rank = Number(digits);
    if (rank > 16_777_215) throw fault(`rank ${rank} is more than a vocabulary can have`);
    if (ranks.has(rank)) throw fault(`rank ${rank} stands twice`);
    if (earlier.has(encoded)) throw fault("a token that stands twice");
    earlier.add(encoded);
    ranks.set(rank, new Uint8Array(Buffer.from(encoded, "base64")));
  });
  if (ranks.size === 0) throw new NuwaError("FILE", "expected a tiktoken file, got one without a rank", { where });
  return ranks;
}

/**
 * A tokenizer from a `.tiktoken` file. tiktoken merges the two neighbours whose bytes together have the lowest rank:
 * so every way to write a token as two others is a merge here.
 *
 * @throws NuwaError FILE for a malformed file, or one that lacks a byte
 */
export function readTiktoken(text: string, encoding: TiktokenEncoding, where: string): Tokenizer {
  const ranks = readRanks(text, where);
  const ids = new Map<string, number>();
  const tokens = [...ranks].map(([id, bytes]) => ({ id, bytes, token: bytesToToken(bytes), special: false }));
  for (const { token, id } of tokens) ids.set(token, id);
  const byteIds = Int32Array.from({ length: 256 }, (_, byte) => {
    const id = ids.get(bytesToToken(Uint8Array.of(byte)));
    if (id !== undefined) return id;
    throw new NuwaError("FILE", `malformed tiktoken file: it has no rank for byte ${byte}`, { where });
  });
  const merges: [number, number, number][] = [];
  for (const { token, id } of tokens.toSorted((a, b) => a.id - b.id)) {
    for (let at = 1; at < token.length; at++) {
      const left = ids.get(token.slice(0, at));
      const right = ids.get(token.slice(at));
      if (left !== undefined && right !== undefined) merges.push([left, right, id]);
    }
  }
  const added = Object.entries(encoding.special).map(([content, id]) => ({ id, content, special: true }));
  const vocabulary = new Vocabulary([
    ...tokens,
    ...added.map(({ id, content }) => ({ id, token: content, bytes: Buffer.from(content), special: true })),
  ]);
  const end = encoding.special["<|endoftext|>"];
  const whole = new Map<string, number>();
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for (const { bytes, id } of tokens) {
    try {
      whole.set(strict.decode(bytes), id);
    } catch {
      // Part of a character: no piece can equal it.
    }
  }
  const { pattern } = encoding;
  return new BpeTokenizer({
    vocabulary,
    byteIds,
    merges,
    added: new AddedTokens(added),
    steps: [{ scan: scannerForPattern(pattern, "rust") }],
    wholePieces: whole,
    bosId: end,
    eosId: end,
    json: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: added.map(addedTokenJson),
      normalizer: null,
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: [
          // In Oniguruma "$" ends a line, not the text.
          { type: "Split", pattern: { Regex: pattern.replace("$", "\\z") }, behavior: "Isolated", invert: false },
          { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
        ],
      },
      post_processor: null,
      decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
      model: {
        type: "BPE",
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: true,
        vocab: Object.fromEntries([
          ...tokens.map(({ token, id }) => [token, id] as const),
          ...added.map(({ content, id }) => [content, id] as const),
        ]),
        merges: merges.map(([left, right]) => [vocabulary.token(left), vocabulary.token(right)]),
      },
    },
  });
}
