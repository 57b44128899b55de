import { createHash, randomUUID } from "node:crypto";
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import * as path from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Answer } from "./fetch.ts";

const pack = promisify<Buffer, Buffer>(gzip);

/** Where a record ended: all before it in that file, and all files before it, are whole. */
export interface WarcEnd {
  readonly file: number;
  readonly end: number;
}

/** The page that a revisit record stands for. */
export interface RefersTo {
  readonly url: string;
  readonly date: string;
  readonly digest: string;
}

/** `sha1:` and base32, as web archives write digests. */
export function sha1(bytes: Buffer): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  let bits = 0;
  let value = 0;
  let text = "";
  for (const byte of createHash("sha1").update(bytes).digest()) {
    value = ((value << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      text += alphabet[(value >>> (bits - 5)) & 31] ?? "";
      bits -= 5;
    }
  }
  return `sha1:${text}`;
}

type Fields = readonly (readonly [string, string])[];

/** One WARC 1.1 record (ISO 28500:2017), packed by itself so that it can be read from the middle of a file. */
async function record(type: string, id: string, date: string, fields: Fields, block: Buffer): Promise<Buffer> {
  const all: Fields = [
    ["WARC-Type", type],
    ["WARC-Record-ID", id],
    ["WARC-Date", date],
    ...fields,
    ["WARC-Block-Digest", sha1(block)],
    ["Content-Length", String(block.length)],
  ];
  const head = all.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return pack(Buffer.concat([Buffer.from(`WARC/1.1\r\n${head}\r\n`), block, Buffer.from("\r\n\r\n")]));
}

const newId = (): string => `<urn:uuid:${randomUUID()}>`;

/**
 * An answer's head as it came, but for what no longer holds of the block: chunks were put together, and encodings other
 * than gzip are unpacked, as readers of archives know only that one. The old lines stay under another name.
 */
function httpHead({ statusLine, rawHeaders }: Answer, length: number, unpacked: boolean): Buffer {
  const lines = [statusLine];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? "";
    const value = rawHeaders[i + 1] ?? "";
    const isStale =
      /^(?:transfer-encoding|content-length)$/iu.test(name) || (unpacked && /^content-encoding$/iu.test(name));
    lines.push(`${isStale ? "X-Crawler-" : ""}${name}: ${value}`);
  }
  lines.push(`Content-Length: ${length}`, "", "");
  return Buffer.from(lines.join("\r\n"), "latin1");
}

/** The records of one exchange (request and answer), each packed; `refersTo` makes the answer a revisit. */
export async function exchangeRecords(
  answer: Answer,
  refersTo?: RefersTo,
): Promise<{ bytes: Buffer; digest: string; date: string }> {
  const unpacked = !/^(?:|identity|gzip|x-gzip)$/iu.test(answer.headers["content-encoding"] ?? "");
  const payload = unpacked ? answer.body : answer.raw;
  const date = answer.date.toISOString();
  const responseId = newId();
  const common: Fields = [
    ["WARC-Target-URI", answer.url],
    ...(answer.ip === "" ? [] : [["WARC-IP-Address", answer.ip] as const]),
  ];
  const isSame = refersTo !== undefined && answer.status !== 304;
  const digest = answer.status === 304 && refersTo !== undefined ? refersTo.digest : sha1(payload);
  const profile = isSame ? "identical-payload-digest" : "server-not-modified";
  const fields: Fields = [
    ...common,
    ["WARC-Payload-Digest", digest],
    ...(refersTo === undefined
      ? []
      : ([
          ["WARC-Profile", `http://netpreserve.org/warc/1.1/revisit/${profile}`],
          ["WARC-Refers-To-Target-URI", refersTo.url],
          ["WARC-Refers-To-Date", refersTo.date],
        ] as const)),
    ["Content-Type", "application/http; msgtype=response"],
  ];
  // A revisit keeps the head alone.
  const head = httpHead(answer, payload.length, unpacked);
  const block = refersTo === undefined ? Buffer.concat([head, payload]) : head;
  const bytes = Buffer.concat([
    await record(refersTo === undefined ? "response" : "revisit", responseId, date, fields, block),
    await record(
      "request",
      newId(),
      date,
      [...common, ["WARC-Concurrent-To", responseId], ["Content-Type", "application/http; msgtype=request"]],
      Buffer.from(answer.requestHead, "latin1"),
    ),
  ]);
  return { bytes, digest, date };
}

/** Appends records to numbered files of a folder, a new one when one is full. */
export class WarcWriter {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #info: Readonly<Record<string, string>>;
  #file: number;
  #size = 0;
  #descriptor: number | undefined;

  /** @param from where the last record that counts ended; all that lies behind it is cut off */
  constructor(
    folder: string,
    options: { maxBytes: number; info: Readonly<Record<string, string>>; from?: WarcEnd | undefined },
  ) {
    this.#folder = folder;
    this.#maxBytes = options.maxBytes;
    this.#info = options.info;
    mkdirSync(folder, { recursive: true });
    this.#file = options.from?.file ?? 0;
    for (const name of readdirSync(folder)) {
      const number = Number(/^nuwa-(\d+)\.warc\.gz$/u.exec(name)?.[1] ?? Number.NaN);
      if (number > this.#file || (options.from === undefined && number === 0)) rmSync(path.join(folder, name));
    }
    if (options.from !== undefined) {
      truncateSync(this.path(options.from.file), options.from.end);
      this.#size = options.from.end;
    }
  }

  static path(folder: string, file: number): string {
    return path.join(folder, `nuwa-${String(file).padStart(5, "0")}.warc.gz`);
  }

  path(file: number): string {
    return WarcWriter.path(this.#folder, file);
  }

  /** How many bytes of a file there are; 0 where it is missing. */
  static size(folder: string, file: number): number {
    const name = WarcWriter.path(folder, file);
    return existsSync(name) ? statSync(name).size : 0;
  }

  /** The warcinfo record that each file opens with. */
  async #opening(file: number): Promise<Buffer> {
    const fields = Object.entries(this.#info).map(([name, value]) => `${name}: ${value}\r\n`);
    const block = Buffer.from(fields.join(""));
    const name = path.basename(this.path(file));
    const date = new Date().toISOString();
    return record(
      "warcinfo",
      newId(),
      date,
      [
        ["WARC-Filename", name],
        ["Content-Type", "application/warc-fields"],
      ],
      block,
    );
  }

  /** Must be awaited before {@link append}: begins the next file if this one is full. */
  async prepare(): Promise<void> {
    if (this.#descriptor !== undefined && this.#size < this.#maxBytes) return;
    const file = this.#size >= this.#maxBytes ? this.#file + 1 : this.#file;
    const isNew = file !== this.#file || this.#size === 0;
    const opening = isNew ? await this.#opening(file) : undefined;
    // Somebody else may have begun it meanwhile.
    if (this.#descriptor !== undefined && this.#size < this.#maxBytes) return;
    this.close();
    this.#descriptor = openSync(this.path(file), isNew ? "w" : "a");
    this.#file = file;
    if (opening !== undefined) {
      this.#size = 0;
      this.append(opening);
    }
  }

  /** In one go, with nothing in between, so that the log can name the end. */
  append(bytes: Buffer): WarcEnd {
    if (this.#descriptor === undefined) throw new Error("append before prepare");
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at);
    this.#size += bytes.length;
    return { file: this.#file, end: this.#size };
  }

  close(): void {
    if (this.#descriptor === undefined) return;
    fdatasyncSync(this.#descriptor);
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}
