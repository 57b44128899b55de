import { addedTokenJson, type AddedToken } from "../steps/added-tokens.ts";
import { PieceType, type SentencePieceFile } from "./sentencepiece-file.ts";
import type { JsonObject } from "../types.ts";

/** The tokenizer.json that comes nearest to a SentencePiece model: as transformers converts LLaMA's and T5's. */
export function sentencePieceJson(
  file: SentencePieceFile,
  merges: readonly (readonly [number, number, number])[],
): JsonObject {
  const added: AddedToken[] = file.pieces.flatMap(({ piece, type }, id) => {
    const special = type === PieceType.control || type === PieceType.unknown;
    return special || type === PieceType.userDefined ? [{ id, content: piece, special }] : [];
  });
  const steps: JsonObject[] = [];
  if (file.charsmap.length > 0) {
    steps.push({
      type: "Precompiled",
      precompiled_charsmap: Buffer.from(file.charsmap).toString("base64"),
    });
  }
  if (file.removeExtraWhitespaces) {
    steps.push({ type: "Strip", strip_left: true, strip_right: true });
    steps.push({ type: "Replace", pattern: { Regex: " {2,}" }, content: " " });
  }
  if (file.addDummyPrefix && !file.whitespaceAsSuffix) steps.push({ type: "Prepend", prepend: "▁" });
  if (file.addDummyPrefix && file.whitespaceAsSuffix) {
    steps.push({ type: "Replace", pattern: { Regex: "\\z" }, content: "▁" });
  }
  steps.push({ type: "Replace", pattern: { String: " " }, content: "▁" });
  const decoders: JsonObject[] = [
    { type: "Replace", pattern: { String: "▁" }, content: " " },
    { type: "ByteFallback" },
    { type: "Fuse" },
  ];
  if (file.addDummyPrefix) decoders.push({ type: "Strip", content: " ", start: 1, stop: 0 });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added.map(addedTokenJson),
    normalizer: { type: "Sequence", normalizers: steps },
    pre_tokenizer: split(file),
    post_processor: null,
    decoder: { type: "Sequence", decoders },
    model: file.model === "bpe" ? bpe(file, merges) : file.model === "unigram" ? unigram(file) : wordLevel(file),
  };
}

/** Words and characters are pieces; the other models cut the text themselves. */
function split(file: SentencePieceFile): JsonObject | null {
  if (file.model === "bpe" || file.model === "unigram") return null;
  const [pattern, behavior] =
    file.model === "char" ? [{ Regex: "(?m:.)" }, "Isolated"] : [{ String: "▁" }, "MergedWithNext"];
  return { type: "Split", pattern, behavior, invert: false };
}

function wordLevel(file: SentencePieceFile): JsonObject {
  return {
    type: "WordLevel",
    vocab: Object.fromEntries(file.pieces.map(({ piece }, id) => [piece, id])),
    unk_token: file.pieces[file.unknownId]?.piece ?? "",
  };
}

function unigram(file: SentencePieceFile): JsonObject {
  return {
    type: "Unigram",
    unk_id: file.unknownId,
    vocab: file.pieces.map(({ piece, score }) => [piece, score]),
    byte_fallback: file.byteFallback,
  };
}

function bpe(file: SentencePieceFile, merges: readonly (readonly [number, number, number])[]): JsonObject {
  const name = (id: number): string | undefined => file.pieces[id]?.piece;
  return {
    type: "BPE",
    dropout: null,
    unk_token: name(file.unknownId) ?? null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: true,
    byte_fallback: file.byteFallback,
    ignore_merges: false,
    vocab: Object.fromEntries(file.pieces.map(({ piece }, id) => [piece, id])),
    merges: merges.flatMap(([left, right]) => {
      const pair = [name(left), name(right)];
      return pair[0] === undefined || pair[1] === undefined ? [] : [[pair[0], pair[1]]];
    }),
  };
}
