import { Readable } from "node:stream";
import { unpack } from "../compression.ts";

/** One record of a WARC file: its headers and its block, as they lie. */
export interface RecordBytes {
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer;
  /** The block is longer than the limit, and left out. */
  readonly tooLarge: boolean;
  /** The file ends inside this record. */
  readonly cut: boolean;
}

/** Headers of a real record take a few hundred bytes. */
const MOST_HEADERS = 1 << 16;
const VERSION = /^WARC\/[01]\.\d+\r?$/;

/**
 * Cuts a WARC file (ISO 28500) into records, at most `maxBytes` of one in memory. Where a record does not end where its
 * Content-Length says, reading goes on at the next line that begins a record, and `onDamage` is told of it. Record
 * by record, because warcio's own reader waits without end for the rest of a record that is cut short.
 *
 * @throws InputProblem when the gzip data is damaged, after all that came before
 */
export async function* warcRecords(
  chunks: AsyncIterable<Buffer>,
  maxBytes: number,
  onDamage: (number: number) => void,
): AsyncGenerator<RecordBytes> {
  const input = new Input(unpacked(chunks));
  let number = 0;
  let lost = false;
  for (;;) {
    const first = await input.line(MOST_HEADERS);
    if (first === undefined) return;
    const line = first.toString("latin1").trimEnd();
    if (!VERSION.test(line)) {
      // Empty lines stand between records.
      if (line !== "" && !lost) onDamage(number);
      lost ||= line !== "";
      continue;
    }
    lost = false;
    number++;
    const headers = [first];
    let [size, held, whole] = [0, first.length, false];
    for (let next = await input.line(MOST_HEADERS); next !== undefined; next = await input.line(MOST_HEADERS)) {
      headers.push(next);
      held += next.length;
      const text = next.toString("latin1");
      if (text.trim() === "") whole = true;
      const length = /^content-length:\s*(\d{1,15})\s*$/i.exec(text)?.[1];
      if (length !== undefined) size = Number(length);
      if (whole || held > MOST_HEADERS) break;
    }
    const tooLarge = size > maxBytes;
    const block = whole ? await input.take(size, !tooLarge) : { bytes: Buffer.alloc(0), length: 0 };
    const bytes = Buffer.concat([...headers, block.bytes]);
    yield { number, bytes, tooLarge, cut: !whole || block.length < size };
  }
}

/** Each record of a `.warc.gz` is a gzip member; files without `.gz` in their names may be packed too. */
async function* unpacked(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const source = chunks[Symbol.asyncIterator]();
  const first = await source.next();
  if (first.done === true) return;
  const all = (async function* (): AsyncGenerator<Buffer> {
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => source };
  })();
  if (first.value[0] !== 0x1f || first.value[1] !== 0x8b) {
    yield* all;
    return;
  }
  yield* unpack(Readable.from(all, { objectMode: false }), "gzip");
}

/** A stream of bytes read by lines and by lengths. */
class Input {
  readonly #source: AsyncIterator<Buffer>;
  #chunk: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async #fill(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return false;
      this.#chunk = next.value;
    }
    return true;
  }

  /** The next line with its end, or its first `most` bytes; undefined at the end. */
  async line(most: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    let length = 0;
    while (length < most && (await this.#fill())) {
      const end = this.#chunk.indexOf(0x0a);
      const size = Math.min(end < 0 ? this.#chunk.length : end + 1, most - length);
      parts.push(this.#chunk.subarray(0, size));
      this.#chunk = this.#chunk.subarray(size);
      length += size;
      if (end >= 0) break;
    }
    return length === 0 ? undefined : Buffer.concat(parts);
  }

  /** The next `size` bytes, or as many as there are; not kept where only their number is wanted. */
  async take(size: number, keep: boolean): Promise<{ bytes: Buffer; length: number }> {
    const parts: Buffer[] = [];
    let length = 0;
    while (length < size && (await this.#fill())) {
      const part = this.#chunk.subarray(0, size - length);
      this.#chunk = this.#chunk.subarray(part.length);
      length += part.length;
      if (keep) parts.push(part);
    }
    return { bytes: Buffer.concat(parts), length };
  }
}
