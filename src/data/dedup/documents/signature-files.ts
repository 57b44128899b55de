import { closeSync, openSync } from "node:fs";
import { readFully } from "../external-sort.ts";
import { KEY_COLUMNS, type SignatureSource } from "./resolve.ts";
import { digestOf, type Signature, type Sketch } from "./signature.ts";

/** One document of a signature file. */
export interface SignedDocument {
  readonly id: string;
  /** In code points. */
  readonly length: number;
  readonly signature: Signature;
}

// A file, in little-endian 32-bit words: the header; columns of 64-bit keys; a head for each document; then what the
// heads point to: least shingle hashes (or MinHash values, where no sketch is kept) and ids in UTF-8.
const HEADER_WORDS = 4;
const HEAD_WORDS = 12;
const MAGIC = 0x3167_6973;

/** The content of a signature file for the documents of one shard, in order. */
export function encodeSignatures(documents: readonly SignedDocument[]): Uint8Array {
  const bands = (documents[0]?.signature.bands.length ?? 0) / 2;
  const columns = KEY_COLUMNS + bands;
  const ids = documents.map(({ id }) => Buffer.from(id, "utf8"));
  const comparedOf = ({ sketch, minhash }: Signature): ArrayLike<number> => (sketch.length > 0 ? sketch : minhash);
  const headsAt = HEADER_WORDS + 2 * columns * documents.length;
  const dataAt = headsAt + HEAD_WORDS * documents.length;
  const dataWords = documents.reduce((sum, { signature }) => sum + comparedOf(signature).length, 0);
  const idBytes = ids.reduce((sum, id) => sum + id.length, 0);
  const bytes = new Uint8Array(4 * (dataAt + dataWords) + Math.ceil(idBytes / 4) * 4);
  const words = new Uint32Array(bytes.buffer);
  words.set([MAGIC, documents.length, columns, 0]);
  let wordAt = dataAt;
  let idAt = 4 * (dataAt + dataWords);
  for (const [i, { length, signature }] of documents.entries()) {
    const { address, digest, sketch, shingles } = signature;
    const id = ids[i] ?? Buffer.alloc(0);
    const idDigest = digestOf(id.toString("utf8"));
    const set = (column: number, keys: Uint32Array, from: number): void => {
      words.set(keys.subarray(from, from + 2), HEADER_WORDS + 2 * (column * documents.length + i));
    };
    set(0, idDigest, 0);
    set(1, address, 0);
    set(2, digest, 0);
    for (let band = 0; band < bands; band++) set(KEY_COLUMNS + band, signature.bands, 2 * band);
    const head = headsAt + HEAD_WORDS * i;
    const compared = comparedOf(signature);
    words.set(idDigest.subarray(2), head);
    words.set(address.subarray(2), head + 2);
    words.set(digest.subarray(2), head + 4);
    words.set(
      [length, shingles, wordAt, (compared.length << 1) | (sketch.length > 0 ? 1 : 0), idAt, id.length],
      head + 6,
    );
    words.set(compared, wordAt);
    bytes.set(id, idAt);
    wordAt += compared.length;
    idAt += id.length;
  }
  return bytes;
}

interface Shard {
  readonly file: string;
  /** The number of its first document in the corpus. */
  readonly first: number;
  readonly documents: number;
  readonly columns: number;
}

/** Open files at a time. */
const OPEN = 32;

/**
 * The signatures of a corpus in files of {@link encodeSignatures}. Memory holds 4 bytes a document and a cache of
 * sketches of at most `cacheBytes`.
 */
export class SignatureFiles implements SignatureSource {
  readonly size: number;
  readonly lengths: Uint32Array;
  readonly #shards: Shard[] = [];
  readonly #handles = new Map<string, number>();
  readonly #cache = new Map<number, Sketch>();
  readonly #cacheBytes: number;
  #cached = 0;

  /** @param files in the order of the corpus */
  constructor(files: readonly string[], cacheBytes: number) {
    this.#cacheBytes = cacheBytes;
    let first = 0;
    for (const file of files) {
      const [magic = 0, documents = 0, columns = 0] = this.#words(file, 0, HEADER_WORDS);
      if (magic !== MAGIC) throw new Error(`${file} holds no signatures`);
      this.#shards.push({ file, first, documents, columns });
      first += documents;
    }
    this.size = first;
    this.lengths = new Uint32Array(first);
    for (const shard of this.#shards) {
      const heads = this.#words(shard.file, headsAt(shard), HEAD_WORDS * shard.documents);
      for (let i = 0; i < shard.documents; i++) this.lengths[shard.first + i] = heads[HEAD_WORDS * i + 6] ?? 0;
    }
  }

  keys(column: number, visit: (document: number, high: number, low: number) => void): void {
    for (const { file, first, documents, columns } of this.#shards) {
      if (column >= columns) continue;
      const words = this.#words(file, HEADER_WORDS + 2 * column * documents, 2 * documents);
      for (let i = 0; i < documents; i++) {
        const [high = 0, low = 0] = [words[2 * i], words[2 * i + 1]];
        if (column !== 1 || high !== 0 || low !== 0) visit(first + i, high, low);
      }
    }
  }

  further(column: number, document: number): string {
    const { head } = this.#head(document);
    return `${head[2 * column] ?? 0} ${head[2 * column + 1] ?? 0}`;
  }

  sketch(document: number): Sketch {
    const known = this.#cache.get(document);
    if (known !== undefined) {
      // Last in the map's order: what was used longest ago goes first.
      this.#cache.delete(document);
      this.#cache.set(document, known);
      return known;
    }
    const { head, file } = this.#head(document);
    const [shingles = 0, at = 0, kind = 0] = head.subarray(7);
    const words = this.#words(file, at, kind >>> 1);
    const isSketch = (kind & 1) === 1;
    const minhash = isSketch ? new Int32Array(0) : new Int32Array(words.buffer);
    const sketch = { minhash, sketch: isSketch ? words : new Uint32Array(0), shingles };
    this.#cache.set(document, sketch);
    this.#cached += bytesOf(sketch);
    for (const [other, old] of this.#cache) {
      if (this.#cached <= this.#cacheBytes || other === document) break;
      this.#cache.delete(other);
      this.#cached -= bytesOf(old);
    }
    return sketch;
  }

  id(document: number): string {
    const { head, file } = this.#head(document);
    const [at = 0, length = 0] = head.subarray(10);
    const bytes = Buffer.alloc(length);
    readFully(this.#handle(file), bytes, length, at);
    return bytes.toString("utf8");
  }

  close(): void {
    for (const handle of this.#handles.values()) closeSync(handle);
    this.#handles.clear();
    this.#cache.clear();
  }

  #head(document: number): { head: Uint32Array; file: string } {
    let low = 0;
    for (let high = this.#shards.length; high - low > 1; ) {
      const middle = (low + high) >> 1;
      if ((this.#shards[middle]?.first ?? 0) <= document) low = middle;
      else high = middle;
    }
    const shard = this.#shards[low];
    if (shard === undefined || document >= this.size) throw new RangeError(`no document ${document}`);
    const { file, first } = shard;
    return { head: this.#words(file, headsAt(shard) + HEAD_WORDS * (document - first), HEAD_WORDS), file };
  }

  #words(file: string, at: number, count: number): Uint32Array<ArrayBuffer> {
    const words = new Uint32Array(count);
    readFully(this.#handle(file), words, 4 * count, 4 * at);
    return words;
  }

  #handle(file: string): number {
    const known = this.#handles.get(file);
    if (known !== undefined) return known;
    for (const [oldest, handle] of this.#handles) {
      if (this.#handles.size < OPEN) break;
      closeSync(handle);
      this.#handles.delete(oldest);
    }
    const handle = openSync(file, "r");
    this.#handles.set(file, handle);
    return handle;
  }
}

function headsAt({ documents, columns }: Shard): number {
  return HEADER_WORDS + 2 * columns * documents;
}

function bytesOf({ minhash, sketch }: Sketch): number {
  return minhash.byteLength + sketch.byteLength + 200;
}
