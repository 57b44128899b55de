import { didYouMean } from "../../text/index.ts";
import { unsupported } from "../steps/json-faults.ts";
import { readBpe } from "./bpe.ts";
import { fileSchema, parsePart, readAddedTokens, type TokenRoles } from "./parts.ts";
import { readUnigram, readWordLevel, readWordPiece } from "./pipeline.ts";
import type { JsonObject, Tokenizer } from "../types.ts";

export type { TokenRoles } from "./parts.ts";

/**
 * A tokenizer from the contents of a tokenizer.json: BPE over bytes or characters, WordPiece, Unigram, WordLevel. Every
 * option of the format has the effect that Hugging Face's library gives it, or is refused by name; only `truncation` and
 * `padding` are left to the caller, as transformers does.
 *
 * @param where the file's name, for messages
 * @throws NuwaError FILE naming the part that is malformed or that is not supported
 */
export function readTokenizerJson(json: unknown, where: string, roles: TokenRoles = {}): Tokenizer {
  const file = parsePart(fileSchema, json, where);
  const added = readAddedTokens(file.added_tokens ?? []);
  // fileSchema has seen that it is an object, and what JSON.parse gives is JSON.
  const source = json as JsonObject;
  // Older files leave the type out; then the model's other fields tell.
  const { model } = file;
  const type =
    model.type ??
    ("merges" in model
      ? "BPE"
      : "continuing_subword_prefix" in model
        ? "WordPiece"
        : "unk_id" in model
          ? "Unigram"
          : "");
  switch (type) {
    case "BPE":
      return readBpe(file, added, roles, source, where);
    case "WordPiece":
      return readWordPiece(file, added, roles, source, where);
    case "Unigram":
      return readUnigram(file, added, roles, source, where);
    case "WordLevel":
      return readWordLevel(file, added, roles, source, where);
    default: {
      const known = ["BPE", "WordPiece", "Unigram", "WordLevel"];
      throw unsupported(where, "model.type", `${JSON.stringify(type)}; ${didYouMean(type, known)}`);
    }
  }
}
