import { type Entry, fromBufferPromise, openPromise, type ZipFile } from "yauzl";
import { isUtf8 } from "node:buffer";
import { InputProblem, readWhole } from "../bytes.ts";
import { type InputFile, isAddress } from "../files.ts";

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

export interface Zip {
  /** In the archive's own order, folders left out. */
  readonly entries: readonly ZipEntry[];
  close(): void;
}

/**
 * The directory of a zip archive. A file on the disk is read where it lies, whatever its size; what is compressed, or at an
 * address, is read whole.
 *
 * @throws InputProblem when it is none, or cut short
 */
export async function openZip(file: InputFile, maxMegabytes: number): Promise<Zip> {
  const options = { lazyEntries: true, autoClose: false, decodeStrings: false };
  const onDisk = file.compression === undefined && !isAddress(file.path);
  const bytes = onDisk ? undefined : await readWhole(file, maxMegabytes);
  let zip: ZipFile;
  try {
    zip = bytes === undefined ? await openPromise(file.path, options) : await fromBufferPromise(bytes, options);
  } catch (error) {
    throw malformed(error as Error);
  }
  try {
    if (zip.entryCount > MOST_ENTRIES)
      throw new InputProblem(`zip with ${zip.entryCount} files, more than ${MOST_ENTRIES}`);
    return { entries: await directory(zip), close: () => zip.close() };
  } catch (error) {
    zip.close();
    throw error;
  }
}

function directory(zip: ZipFile): Promise<readonly ZipEntry[]> {
  return new Promise((resolve, reject) => {
    const entries: ZipEntry[] = [];
    zip.on("error", (error: Error) => reject(malformed(error)));
    zip.on("end", () => resolve(entries));
    zip.on("entry", (entry: Entry) => {
      const name = nameOf(entry);
      if (!name.endsWith("/")) {
        const read = (maxBytes: number): Promise<Buffer> => readEntry(zip, entry, name, maxBytes);
        entries.push({ name, size: entry.uncompressedSize, read });
      }
      zip.readEntry();
    });
    zip.readEntry();
  });
}

/**
 * UTF-8 where the archive says so (APPNOTE 4.4.4, bit 11) or where it is that; else GB18030, because what packs names in
 * another encoding without saying so is mostly Windows in Chinese, and Latin letters are the same in both.
 */
function nameOf({ fileNameRaw: raw, generalPurposeBitFlag: flags }: Entry): string {
  const encoding = (flags & 0x800) !== 0 || isUtf8(raw) ? "utf-8" : "gb18030";
  return new TextDecoder(encoding)
    .decode(raw)
    .replace(/\p{Cc}/gu, "")
    .replaceAll("\\", "/")
    .replace(/^(?:\.?\/)+/, "");
}

/** The entry of this name. @throws InputProblem when there is none */
export function entryOf(entries: readonly ZipEntry[], name: string): ZipEntry {
  const entry = entries.find((one) => one.name === name);
  if (entry === undefined) throw new InputProblem(`damaged: no ${name} inside`);
  return entry;
}

async function readEntry(zip: ZipFile, entry: Entry, name: string, maxBytes: number): Promise<Buffer> {
  if (entry.isEncrypted()) {
    throw new InputProblem(`${name} is encrypted with a password`, { hint: "unpack it and read the files" });
  }
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
          reject(new InputProblem(`${name} unpacks to more than ${(limit / 1e6).toFixed(0)} MB`));
        }
      });
      stream.on("end", () => {
        if (total === entry.uncompressedSize) resolve(Buffer.concat(chunks));
        else reject(malformed(new Error("data cut short")));
      });
    });
  });
}

function malformed(error: Error): InputProblem {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return new InputProblem("no such file", { cause: error });
  if (code === "EACCES" || code === "EPERM") return new InputProblem("no permission to read", { cause: error });
  const hint = /end of central directory/i.test(error.message) ? "cut short, or no zip file at all" : undefined;
  return new InputProblem(`malformed zip: ${error.message}`, { cause: error, ...(hint === undefined ? {} : { hint }) });
}
