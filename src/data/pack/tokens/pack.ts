import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileError } from "../../../io/errno.ts";
import { makeFolder } from "../../../io/folders.ts";
import { removeTemporaries } from "../../../io/temporary.ts";
import { writeWhole } from "../../../io/whole-file.ts";
import { NuwaError, type Document } from "../../../text/index.ts";
import type { Tokenizer } from "../../../tokenizer/index.ts";
import { DocumentTable } from "./document-table.ts";
import { bytesPerToken, splitNames, tokenizerHash, type PackMeta, type SplitMeta, type SplitName } from "./meta.ts";
import { isMixed, mixture, type Mixture, UNNAMED } from "./mixture.ts";
import { SplitWriter, type Slice } from "./split-writer.ts";
import { ByteWriter, littleEndian, tokenArray } from "./token-io.ts";

/** Where {@link packDocuments} writes token files, and what goes into them. */
export interface PackOptions {
  /** Folder for train.bin, train.idx, val.bin, val.idx and meta.json. */
  readonly outDir: string;
  /** Share held out, 0 to below 1. Default 0.05. */
  readonly valShare?: number;
  /** Default `documents`; see packSettings. */
  readonly split?: "documents" | "contiguous";
  /** Decides the order of documents. Default 1. */
  readonly seed?: number;
  /** Default `eos`. */
  readonly separator?: "eos" | "none";
  /** How much of each source is trained on: {@link packSettings}. Default: everything once. */
  readonly mixture?: Mixture;
  readonly mixtureTokens?: number | undefined;
  /** After every document. */
  readonly onProgress?: (progress: { readonly documents: number; readonly tokens: number }) => void;
  readonly signal?: AbortSignal;
}

/** Who takes which slices of the spool, in order. */
type Plan = { readonly [name in SplitName]: Iterable<Slice> };

/**
 * Turns documents into token files: flat, little-endian, uint16 for up to 65,536 entries, else uint32; each document
 * followed by the separator. Which documents are held out, and the order of all, depends on their ids and the seed
 * alone, not on the order in which they come. Tokens pass through a file on disk: memory holds one document, buffers,
 * and 56 bytes a document.
 *
 * @throws NuwaError DATA when there is no text, FILE when the disk fills
 * @example await packDocuments(documents, tokenizer, { outDir: "runs/sample/tokens", valShare: 0.05 });
 */
export async function packDocuments(
  documents: AsyncIterable<Document> | Iterable<Document>,
  tokenizer: Tokenizer,
  options: PackOptions,
): Promise<PackMeta> {
  const { outDir, valShare = 0.05, split = "documents" } = options;
  if (isMixed(options) && split !== "documents") {
    throw new NuwaError("VALUE", "a mixture needs split: documents, since it takes documents apart", {
      where: "mixture",
    });
  }
  if (!(valShare >= 0 && valShare < 1)) {
    throw new NuwaError("VALUE", `expected a share from 0 to below 1, got ${valShare}`, { where: "val_share" });
  }
  const separatorId = options.separator === "none" ? undefined : tokenizer.eosId;
  const dtype = tokenizer.vocabSize <= 65_536 ? "uint16" : "uint32";
  const width = bytesPerToken(dtype);
  try {
    makeFolder(outDir);
    removeTemporaries(outDir);
    const spool = new ByteWriter(join(outDir, "spool")); // never published
    const writers: SplitWriters = {};
    try {
      const sources: string[] = [];
      const table = await fillSpool(documents, tokenizer, spool, { ...options, separatorId, width, sources });
      const blend = isMixed(options) ? mixture(table, table.split(valShare).train, sources, options) : undefined;
      const plan =
        split === "documents"
          ? documentPlan(table, valShare, blend?.order)
          : contiguousPlan(table, valShare, tokenizer, { spool, width, separatorId });
      const splits = await writeSplits(plan, spool, writers, { ...options, width, separatorId });
      const meta: PackMeta = {
        version: 1,
        dtype,
        vocab_size: tokenizer.vocabSize,
        tokenizer: tokenizerHash(tokenizer),
        separator: separatorId ?? null,
        splits,
        ...(blend !== undefined && { mixture: blend.shares }),
      };
      publish(outDir, meta, writers);
      return meta;
    } finally {
      for (const name of splitNames) writers[name]?.close();
      spool.close();
    }
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw fileError(cause);
  }
}

interface Layout {
  readonly width: 2 | 4;
  readonly separatorId: number | undefined;
}

/** Encodes every document into the spool, in the order they come. */
async function fillSpool(
  documents: AsyncIterable<Document> | Iterable<Document>,
  tokenizer: Tokenizer,
  spool: ByteWriter,
  options: PackOptions & Layout & { readonly sources: string[] },
): Promise<DocumentTable> {
  const table = new DocumentTable();
  const separator = options.separatorId === undefined ? [] : [options.separatorId];
  let end = 0;
  const numbers = new Map<string, number>();
  const numberOf = (source: string): number => {
    const known = numbers.get(source) ?? numbers.size;
    if (known === numbers.size) options.sources[known] = source;
    numbers.set(source, known);
    return known;
  };
  for await (const { id, text, meta } of documents) {
    options.signal?.throwIfAborted();
    const ids = tokenizer.encode(text);
    if (ids.length === 0) continue;
    spool.write(littleEndian(tokenArray(options.width, ids)));
    spool.write(littleEndian(tokenArray(options.width, separator)));
    const tokens = ids.length + separator.length;
    const measures = { bytes: Buffer.byteLength(text), characters: countCodePoints(text) };
    const name = meta["source_name"];
    const source = isMixed(options) ? numberOf(typeof name === "string" ? name : UNNAMED) : 0;
    table.add(id, options.seed ?? 1, { start: end, tokens, ...measures }, source);
    end += tokens;
    options.onProgress?.({ documents: table.size, tokens: end });
  }
  spool.drain();
  if (table.size > 0) return table;
  throw new NuwaError("DATA", "expected documents with text to pack, got none", {
    hint: "look at what earlier stages removed with `nuwa data removed`",
  });
}

function countCodePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** @param order of the training documents, where it is not each once */
function documentPlan(table: DocumentTable, valShare: number, order?: Uint32Array): Plan {
  const { train, val } = table.split(valShare);
  const slices = function* (indices: Uint32Array): Generator<Slice> {
    for (const index of indices) yield { ...table.get(index), separators: 1 };
  };
  return { train: slices(order ?? train), val: slices(val) };
}

/** The first floor(n · (1 - share)) tokens train, as in nanoGPT's data/shakespeare_char/prepare.py. */
function contiguousPlan(
  table: DocumentTable,
  valShare: number,
  tokenizer: Tokenizer,
  layout: Layout & { readonly spool: ByteWriter },
): Plan {
  const last = table.get(table.size - 1);
  const total = last.start + last.tokens;
  const read = (start: number, count: number): Uint16Array | Uint32Array => {
    const tokens = tokenArray(layout.width, count);
    layout.spool.read(new Uint8Array(tokens.buffer), start * layout.width);
    littleEndian(tokens);
    return tokens;
  };
  let cut = Math.floor(total * (1 - valShare));
  // Not inside a character: its first byte must lie on the same side as the others.
  while (cut > 0 && cut < total && startsInsideCharacter(tokenizer, read(cut, 1)[0] ?? 0)) cut--;
  const slices = function* (side: SplitName): Generator<Slice> {
    for (let index = 0; index < table.size; index++) {
      const document = table.get(index);
      const kept = cut - document.start;
      if (kept <= 0 || kept >= document.tokens) {
        if (kept <= 0 === (side === "val")) yield { ...document, separators: 1 };
        continue;
      }
      const head = measure(tokenizer, read(document.start, kept), layout.separatorId);
      if (side === "train") yield { start: document.start, tokens: kept, separators: 0, ...head };
      else {
        yield {
          start: cut,
          tokens: document.tokens - kept,
          bytes: document.bytes - head.bytes,
          characters: document.characters - head.characters,
          separators: 1,
        };
      }
    }
  };
  return { train: slices("train"), val: slices("val") };
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

function startsInsideCharacter(tokenizer: Tokenizer, id: number): boolean {
  return isContinuation(tokenizer.tokenBytes(id)[0] ?? 0);
}

/** Bytes and code points that tokens stand for. */
function measure(
  tokenizer: Tokenizer,
  tokens: ArrayLike<number>,
  separator: number | undefined,
): { bytes: number; characters: number } {
  let bytes = 0;
  let characters = 0;
  for (let i = 0; i < tokens.length; i++) {
    const id = tokens[i] ?? 0;
    if (id === separator) continue;
    for (const byte of tokenizer.tokenBytes(id)) {
      bytes++;
      if (!isContinuation(byte)) characters++;
    }
  }
  return { bytes, characters };
}

/** Each split's files while they are written. */
type SplitWriters = { [name in SplitName]?: SplitWriter };

/** Copies each split's slices from the spool into files of its own. */
async function writeSplits(
  plan: Plan,
  spool: ByteWriter,
  writers: SplitWriters,
  options: PackOptions & Layout,
): Promise<{ train: SplitMeta; val?: SplitMeta }> {
  const write = async (name: SplitName): Promise<SplitMeta> => {
    const hasSeparators = options.separatorId !== undefined;
    const writer = new SplitWriter(join(options.outDir, name), spool, options.width, hasSeparators);
    writers[name] = writer;
    let slices = 0;
    for (const slice of plan[name]) {
      writer.add(slice);
      // Lets signals and the terminal have their turn.
      if (++slices % 4096 === 0) await new Promise((resolve) => setImmediate(resolve));
      options.signal?.throwIfAborted();
    }
    return writer.finish();
  };
  const train = await write("train");
  const val = await write("val");
  return val.tokens === 0 ? { train } : { train, val };
}

/** Puts the finished files in place; meta.json goes first and comes last, so that it never stands beside others' files. */
function publish(outDir: string, meta: PackMeta, writers: SplitWriters): void {
  const metaFile = join(outDir, "meta.json");
  rmSync(metaFile, { force: true });
  for (const name of splitNames) {
    if (meta.splits[name] !== undefined) writers[name]?.publish();
    else for (const extension of ["bin", "idx"]) rmSync(join(outDir, `${name}.${extension}`), { force: true });
  }
  writeWhole(metaFile, `${JSON.stringify(meta, null, 2)}\n`);
}
