import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { unpack } from "./compression.ts";
import { download } from "./download.ts";
import { type InputFile, isAddress } from "./files.ts";
import { InputProblem } from "./input-problem.ts";

export { InputProblem } from "./input-problem.ts";

const MEGABYTE = 1_000_000;

/**
 * The bytes of a file in pieces of some 64 KB, unpacked (see {@link unpack}).
 *
 * @throws InputProblem when the file cannot be opened or read, or its compressed data is damaged or cut short
 */
export async function* readChunks(file: Pick<InputFile, "path" | "compression">): AsyncGenerator<Buffer> {
  const stream = isAddress(file.path)
    ? Readable.from(download(file.path), { objectMode: false })
    : createReadStream(file.path, { highWaterMark: 1 << 16 });
  try {
    if (file.compression !== undefined) yield* unpack(stream, file.compression);
    else for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    throw error instanceof InputProblem ? error : new InputProblem(explain(error), { cause: error });
  } finally {
    stream.destroy();
  }
}

/**
 * The whole of a file, unpacked.
 *
 * @param maxMegabytes larger files are not read (a small one that unpacks to more is left as soon as that shows)
 * @throws InputProblem unreadable, empty, too large, damaged
 */
export async function readWhole(file: Pick<InputFile, "path" | "compression">, maxMegabytes: number): Promise<Buffer> {
  const limit = maxMegabytes * MEGABYTE;
  let size = 0;
  try {
    if (!isAddress(file.path)) ({ size } = await stat(file.path));
  } catch (error) {
    throw new InputProblem(explain(error), { cause: error });
  }
  const tooLarge = (bytes: string): InputProblem =>
    new InputProblem(`larger than max_file_mb (${maxMegabytes} MB): ${bytes} MB`);
  if (size > limit) throw tooLarge((size / MEGABYTE).toFixed(1));
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of readChunks(file)) {
    total += chunk.length;
    if (total > limit) throw tooLarge(`more than ${maxMegabytes}`);
    chunks.push(chunk);
  }
  if (total === 0) throw new InputProblem("empty file");
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, total);
}

function explain(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "EACCES":
    case "EPERM":
      return "no permission to read";
    case "ENOENT":
      return "no such file";
    case "EISDIR":
      return "is a folder";
    case "ELOOP":
      return "a link that leads back to itself";
    default:
      return code === undefined ? message : `cannot be read (${code})`;
  }
}

/** One line of a file, without its line end. */
export interface Line {
  readonly bytes: Buffer;
  /** From 1. */
  readonly number: number;
  /** Of its first byte in the (unpacked) file. */
  readonly offset: number;
  /** The line was longer than the limit: `bytes` holds none of it. */
  readonly tooLong: boolean;
}

/**
 * Cuts pieces into lines at `\n` (a `\r` before it goes too). Holds one line in memory, at most `maxBytes` of it.
 * All that came before a fault in the input is yielded before the fault is thrown, with its line.
 */
export async function* splitLines(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let held = 0;
  let number = 1;
  let offset = 0;
  let position = 0;
  const finish = (): Line => {
    const tooLong = held > maxBytes;
    let bytes = tooLong
      ? Buffer.alloc(0)
      : parts.length === 1 && parts[0] !== undefined
        ? parts[0]
        : Buffer.concat(parts);
    if (bytes.at(-1) === 0x0d) bytes = bytes.subarray(0, -1);
    const line = { bytes, number, offset, tooLong };
    parts = [];
    held = 0;
    number++;
    offset = position;
    return line;
  };
  const hold = (part: Buffer): void => {
    held += part.length;
    if (held > maxBytes) parts = [];
    else if (part.length > 0) parts.push(part);
  };
  try {
    for await (const chunk of chunks) {
      let start = 0;
      for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
        hold(chunk.subarray(start, end));
        position += end + 1 - start;
        start = end + 1;
        yield finish();
      }
      hold(chunk.subarray(start));
      position += chunk.length - start;
    }
  } catch (error) {
    throw error instanceof InputProblem ? error.at(number) : error;
  }
  if (held > 0) yield finish();
}
