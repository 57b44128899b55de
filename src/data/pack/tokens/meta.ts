import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { NuwaError } from "../../../text/index.ts";
import type { Tokenizer } from "../../../tokenizer/index.ts";

/** The parts that tokens are split into. */
export const splitNames = ["train", "val"] as const;
/** Which part of the tokens: to train on, or held out. */
export type SplitName = (typeof splitNames)[number];

const count = z.int().min(0);

const splitSchema = z.object({
  /** Separators included. */
  tokens: count,
  documents: count,
  /** UTF-8 bytes of the text, separators not counted. */
  bytes: count,
  /** Unicode code points of the text, separators not counted. */
  characters: count,
  /** How many of the tokens are separators. */
  separators: count,
});

const metaSchema = z.object({
  version: z.literal(1),
  dtype: z.enum(["uint16", "uint32"]),
  vocab_size: count,
  /** SHA-256 of the tokenizer's tokenizer.json. */
  tokenizer: z.string(),
  /** Id of the token after each document. */
  separator: count.nullable(),
  splits: z.object({ train: splitSchema, val: splitSchema.optional() }),
  /** What each source gives to the training split; only where the recipe has a mixture. */
  mixture: z
    .array(
      z.object({
        source: z.string(),
        /** Different documents for training, and their tokens, before any is repeated or left out. */
        documents: count,
        tokens: count,
        /** How often each is read, on average. */
        epochs: z.number(),
        /** Of the training tokens: what the recipe asks for, and what came of it. */
        wanted: z.number(),
        share: z.number(),
      }),
    )
    .optional(),
});

/** What one split holds. */
export type SplitMeta = z.infer<typeof splitSchema>;
/** `meta.json` beside the token files. It is written last: where it stands, they are whole. */
export type PackMeta = z.infer<typeof metaSchema>;

/** One source of a mixture. */
export type MixtureShare = NonNullable<PackMeta["mixture"]>[number];

/** Bytes of one token. */
export function bytesPerToken(dtype: PackMeta["dtype"]): 2 | 4 {
  return dtype === "uint16" ? 2 : 4;
}

/** Tells one tokenizer from another: SHA-256 of its tokenizer.json. */
export function tokenizerHash(tokenizer: Tokenizer): string {
  return createHash("sha256").update(JSON.stringify(tokenizer.toJSON())).digest("hex");
}

/**
 * Reads `meta.json` of a folder of packed tokens.
 *
 * @throws NuwaError FILE when it is missing or malformed
 */
export async function readPackMeta(folder: string): Promise<PackMeta> {
  const where = join(folder, "meta.json");
  let text: string;
  try {
    text = await readFile(where, "utf8");
  } catch (cause) {
    const hint = "make them with `nuwa data pack`; if it was stopped halfway, run it again";
    throw new NuwaError("FILE", `no packed tokens in ${folder}: meta.json is missing`, { hint, cause });
  }
  const parsed = metaSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const key = issue === undefined || issue.path.length === 0 ? "" : ` at ${issue.path.join(".")}`;
  throw new NuwaError("FILE", `malformed meta.json of packed tokens${key}`, { where, hint: "pack the tokens again" });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
