import { type Entry, fromBuffer, type ZipFile } from "yauzl";
import { InputProblem } from "../bytes.ts";

/** Files in an archive, at most. */
const MOST_ENTRIES = 100_000;
/** Bytes that one byte of an archive may become: text packs to a tenth, a bomb to a thousandth. */
const MOST_RATIO = 200;
/** Below this a high ratio harms nobody. */
const SMALL = 1_000_000;

export interface ZipEntry {
  /** Path inside the archive, with `/`. */
  readonly name: string;
  /** Bytes unpacked, as the archive says; {@link ZipEntry.read} trusts only what comes. */
  readonly size: number;
  /** @throws InputProblem when it is encrypted, damaged, or larger than `maxBytes` */
  read(maxBytes: number): Promise<Buffer>;
}

/**
 * The files of a zip archive in its own order; folders left out.
 *
 * @throws InputProblem when it is none, or cut short
 */
export async function zipEntries(bytes: Buffer): Promise<readonly ZipEntry[]> {
  const zip = await new Promise<ZipFile>((resolve, reject) => {
    fromBuffer(bytes, { lazyEntries: true, autoClose: false }, (error, file) => {
      if (error) reject(malformed(error));
      else resolve(file);
    });
  });
  if (zip.entryCount > MOST_ENTRIES)
    throw new InputProblem(`zip with ${zip.entryCount} files, more than ${MOST_ENTRIES}`);
  return new Promise((resolve, reject) => {
    const entries: ZipEntry[] = [];
    zip.on("error", (error: Error) => reject(malformed(error)));
    zip.on("end", () => resolve(entries));
    zip.on("entry", (entry: Entry) => {
      if (!entry.fileName.endsWith("/")) {
        const read = (maxBytes: number): Promise<Buffer> => readEntry(zip, entry, maxBytes);
        entries.push({ name: entry.fileName, size: entry.uncompressedSize, read });
      }
      zip.readEntry();
    });
    zip.readEntry();
  });
}

/** The entry of this name. @throws InputProblem when there is none */
export function entryOf(entries: readonly ZipEntry[], name: string): ZipEntry {
  const entry = entries.find((one) => one.name === name);
  if (entry === undefined) throw new InputProblem(`damaged: no ${name} inside`);
  return entry;
}

async function readEntry(zip: ZipFile, entry: Entry, maxBytes: number): Promise<Buffer> {
  if ((entry.generalPurposeBitFlag & 1) !== 0) throw new InputProblem(`${entry.fileName} is encrypted with a password`);
  const limit = Math.min(maxBytes, Math.max(SMALL, entry.compressedSize * MOST_RATIO));
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error) return reject(malformed(error));
      const chunks: Buffer[] = [];
      let total = 0;
      stream.on("error", (problem: Error) => reject(malformed(problem)));
      stream.on("data", (chunk: Buffer) => {
        total += chunk.length;
        if (total <= limit) chunks.push(chunk);
        else {
          stream.destroy();
          reject(new InputProblem(`${entry.fileName} unpacks to more than ${(limit / 1e6).toFixed(0)} MB`));
        }
      });
      stream.on("end", () => resolve(Buffer.concat(chunks)));
    });
  });
}

function malformed(error: Error): InputProblem {
  return new InputProblem(`malformed zip: ${error.message}`, { cause: error });
}
