import { Readable } from "node:stream";
import * as zlib from "node:zlib";
import { Decompress } from "fzstd";
import unbzip2 from "unbzip2-stream";
import xz from "xz-decompress";
import { InputProblem } from "./input-problem.ts";

/** How a file is packed, by the field's names of the formats. */
export type Compression = "gzip" | "zstd" | "bzip2" | "xz";

const SUFFIXES: Readonly<Record<string, Compression>> = {
  ".gz": "gzip",
  ".zst": "zstd",
  ".zstd": "zstd",
  ".bz2": "bzip2",
  ".xz": "xz",
};

/** One word for a tar and its compression: `.tgz`. */
const TAR_SUFFIXES: Readonly<Record<string, Compression>> = {
  ".tgz": "gzip",
  ".tzst": "zstd",
  ".tbz2": "bzip2",
  ".tbz": "bzip2",
  ".txz": "xz",
};

export const compressionSuffixes: readonly string[] = Object.keys(SUFFIXES);
export const tarSuffixes: readonly string[] = Object.keys(TAR_SUFFIXES);

/**
 * The compression that a file's name tells, and the name of what is in it.
 *
 * @example compressionOf("lines.jsonl.zst"); // { compression: "zstd", inner: "lines.jsonl" }
 */
export function compressionOf(fileName: string): { compression: Compression | undefined; inner: string } {
  const suffix = /\.[^./\\]+$/u.exec(fileName)?.[0] ?? "";
  const known = suffix.toLowerCase();
  const compression = SUFFIXES[known];
  if (compression !== undefined) return { compression, inner: fileName.slice(0, -suffix.length) };
  const tar = TAR_SUFFIXES[known];
  if (tar !== undefined) return { compression: tar, inner: `${fileName.slice(0, -suffix.length)}.tar` };
  return { compression: undefined, inner: fileName };
}

/**
 * Unpacks a stream piece by piece; several members, frames or streams in a row too, as `cat a.gz b.gz` makes them.
 *
 * @throws InputProblem when the data is damaged or cut short, after all that came before it
 */
export async function* unpack(source: Readable, compression: Compression): AsyncGenerator<Buffer> {
  let failure: InputProblem | undefined;
  // What comes from the source itself (a file that cannot be read, an address that fails) keeps its own name.
  source.once("error", (error) => (failure = error instanceof InputProblem ? error : undefined));
  try {
    for await (const piece of unpacked(source, compression)) {
      yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    }
  } catch (cause) {
    if (failure !== undefined) throw failure;
    if (cause instanceof InputProblem || isSystemError(cause)) throw cause;
    throw new InputProblem(explain(compression, cause), { cause });
  } finally {
    source.destroy();
  }
}

function unpacked(source: Readable, compression: Compression): AsyncIterable<Uint8Array> {
  switch (compression) {
    case "gzip":
      return through(source, zlib.createGunzip());
    case "zstd":
      // Node 22.15 and later have it, with the frames' checksums; fzstd does not look at these.
      return "createZstdDecompress" in zlib && typeof zlib.createZstdDecompress === "function"
        ? through(source, zlib.createZstdDecompress() as NodeJS.ReadWriteStream)
        : unzstd(source);
    case "bzip2":
      return through(source, unbzip2());
    case "xz":
      return unxz(source);
  }
}

/** Pipes, and ends with an error where either end fails: `pipe` alone leaves a failed source open for ever. */
async function* through(source: Readable, transform: NodeJS.ReadWriteStream): AsyncGenerator<Uint8Array> {
  const output = new Readable({ objectMode: true, highWaterMark: 16, read: () => transform.resume() });
  transform.on("data", (piece: Uint8Array) => {
    if (!output.push(piece)) transform.pause();
  });
  transform.on("end", () => output.push(null));
  transform.on("error", (error: Error) => output.destroy(error));
  source.on("error", (error: Error) => output.destroy(error));
  source.pipe(transform);
  yield* output;
}

async function* unzstd(source: Readable): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  const decompress = new Decompress((piece) => {
    if (piece.length > 0) pieces.push(piece);
  });
  for await (const chunk of source as AsyncIterable<Buffer>) {
    decompress.push(chunk);
    yield* pieces;
    pieces = [];
  }
  decompress.push(new Uint8Array(0), true);
  yield* pieces;
}

async function* unxz(source: Readable): AsyncGenerator<Uint8Array> {
  const web = Readable.toWeb(source) as ConstructorParameters<typeof xz.XzReadableStream>[0];
  for await (const piece of new xz.XzReadableStream(web) as AsyncIterable<Uint8Array>) yield piece;
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}

function explain(compression: Compression, cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const cut = code === "Z_BUF_ERROR" || /unexpected (?:EOF|end)|prematurely|reading '0'/iu.test(message);
  return cut ? `${compression} data cut short` : `damaged ${compression} data (${message})`;
}
