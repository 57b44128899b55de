import http from "node:http";
import https from "node:https";
import { promisify } from "node:util";
import zlib from "node:zlib";
import {
  checkLiteral,
  ForbiddenAddress,
  guardedLookup,
  isPublicAddress,
  systemResolve,
  type Resolve,
} from "./address.ts";

/** Why nothing came, in a word that the summary counts by. */
export type FetchRule = "address" | "timeout" | "network" | "too_large" | "encoding" | "content_type" | "stopped";

/** A request that brought nothing to use. */
export class FetchProblem extends Error {
  readonly rule: FetchRule;
  /** The answer's status, where a head came. */
  readonly status: number | undefined;
  constructor(rule: FetchRule, message: string, options: { status?: number | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.rule = rule;
    this.status = options.status;
  }
}

/** One answer, not followed if it is a redirect. */
export interface Answer {
  readonly url: string;
  readonly status: number;
  /** `HTTP/1.1 200 OK`. */
  readonly statusLine: string;
  readonly headers: http.IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  /** As received, chunks put together, not unpacked. */
  readonly raw: Buffer;
  /** Unpacked. The same buffer where nothing was packed. */
  readonly body: Buffer;
  /** Whether the body was cut at the limit (only where `truncate` was asked for). */
  readonly truncated: boolean;
  readonly ip: string;
  /** What was sent, as it stood on the wire. */
  readonly requestHead: string;
  readonly date: Date;
}

export interface FetcherOptions {
  readonly userAgent: string;
  readonly allowPrivate: boolean;
  readonly connectTimeout: number;
  readonly firstByteTimeout: number;
  readonly totalTimeout: number;
  readonly concurrency: number;
  readonly resolve?: Resolve | undefined;
}

export interface FetchOptions {
  readonly maxBytes: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Asked when the head is there; false ends the request (`content_type`). */
  readonly accept?: (headers: http.IncomingHttpHeaders, status: number) => boolean;
  /** Cut the body at the limit instead of giving it up. */
  readonly truncate?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Fetches single addresses within limits of size and time, from public addresses only. Times in milliseconds. */
export class Fetcher {
  readonly #options: FetcherOptions;
  readonly #agents;
  readonly #lookup;

  constructor(options: FetcherOptions) {
    this.#options = options;
    const pool = { keepAlive: true, keepAliveMsecs: 1000, maxFreeSockets: options.concurrency, timeout: 30_000 };
    this.#agents = { "http:": new http.Agent(pool), "https:": new https.Agent(pool) };
    this.#lookup = guardedLookup(options.resolve ?? systemResolve, options.allowPrivate);
  }

  /** @throws FetchProblem */
  async fetch(url: string, options: FetchOptions): Promise<Answer> {
    try {
      return await this.#once(url, options);
    } catch (error) {
      // The server closed a kept connection just as it was used again: says nothing about the server.
      if (error instanceof StaleConnection) return this.#once(url, options);
      throw error;
    }
  }

  close(): void {
    this.#agents["http:"].destroy();
    this.#agents["https:"].destroy();
  }

  async #once(address: string, options: FetchOptions): Promise<Answer> {
    const url = new URL(address);
    const { allowPrivate, userAgent } = this.#options;
    try {
      checkLiteral(url.hostname, allowPrivate);
    } catch (cause) {
      throw new FetchProblem("address", (cause as Error).message, { cause });
    }
    const headers: Record<string, string> = {
      host: url.host,
      "user-agent": userAgent,
      accept: "text/html,application/xhtml+xml,text/plain;q=0.9,*/*;q=0.5",
      "accept-encoding": "gzip",
      ...options.headers,
    };
    const isHttps = url.protocol === "https:";
    const request = (isHttps ? https : http).request(url, {
      headers,
      agent: isHttps ? this.#agents["https:"] : this.#agents["http:"],
      lookup: this.#lookup,
    });
    const received = await this.#receive(request, options, isHttps);
    const body = await unpack(received.raw, received.response, options);
    const { response, raw, ip, date } = received;
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return {
      url: address,
      status: response.statusCode ?? 0,
      statusLine: `HTTP/${response.httpVersion} ${response.statusCode ?? 0} ${response.statusMessage ?? ""}`.trim(),
      headers: response.headers,
      rawHeaders: response.rawHeaders,
      raw,
      body,
      truncated: received.truncated,
      ip,
      requestHead: `GET ${url.pathname}${url.search} HTTP/1.1\r\n${head.join("")}\r\n`,
      date,
    };
  }

  #receive(request: http.ClientRequest, options: FetchOptions, isHttps: boolean): Promise<Received> {
    const { allowPrivate, connectTimeout, firstByteTimeout, totalTimeout } = this.#options;
    const { maxBytes, accept, truncate = false, signal } = options;
    return new Promise((resolve, reject) => {
      const date = new Date();
      let status: number | undefined;
      let ip = "";
      const total = setTimeout(() => fail("timeout", `not complete after ${totalTimeout / 1000} s`), totalTimeout);
      let phase = setTimeout(() => fail("timeout", `no connection after ${connectTimeout / 1000} s`), connectTimeout);
      const stop = (): void => fail("stopped", "stopped");
      const settle = (): void => {
        clearTimeout(total);
        clearTimeout(phase);
        signal?.removeEventListener("abort", stop);
      };
      const fail = (rule: FetchRule, message: string, cause?: unknown): void => {
        settle();
        reject(new FetchProblem(rule, message, { status, cause }));
        request.destroy();
      };
      if (signal?.aborted === true) return stop();
      signal?.addEventListener("abort", stop);

      const connected = (): void => {
        ip = request.socket?.remoteAddress ?? "";
        if (!allowPrivate && ip !== "" && !isPublicAddress(ip)) return fail("address", `${ip} is not a public address`);
        clearTimeout(phase);
        const late = () => fail("timeout", `no answer after ${firstByteTimeout / 1000} s`);
        phase = setTimeout(late, firstByteTimeout);
      };
      request.on("socket", (socket) => {
        if (socket.connecting) socket.once(isHttps ? "secureConnect" : "connect", connected);
        else connected();
      });
      request.on("error", (error: NodeJS.ErrnoException) => {
        settle();
        if (error instanceof ForbiddenAddress) return reject(new FetchProblem("address", error.message));
        if (request.reusedSocket && status === undefined && error.code === "ECONNRESET") {
          return reject(new StaleConnection());
        }
        reject(new FetchProblem("network", error.message, { status, cause: error }));
      });
      request.on("response", (response) => {
        clearTimeout(phase);
        status = response.statusCode ?? 0;
        if (accept?.(response.headers, status) === false) {
          return fail("content_type", `is ${response.headers["content-type"] ?? "of no type"}`);
        }
        const declared = Number(response.headers["content-length"] ?? 0);
        if (!truncate && declared > maxBytes) return fail("too_large", `declares ${declared} bytes`);
        const chunks: Buffer[] = [];
        let size = 0;
        const finish = (truncated: boolean): void => {
          settle();
          resolve({ response, raw: Buffer.concat(chunks), ip, date, truncated });
        };
        response.on("data", (chunk: Buffer) => {
          size += chunk.length;
          if (size <= maxBytes) return void chunks.push(chunk);
          if (!truncate) return fail("too_large", `more than ${maxBytes} bytes`);
          chunks.push(chunk.subarray(0, chunk.length - (size - maxBytes)));
          finish(true);
          request.destroy();
        });
        response.on("end", () => finish(false));
        response.on("error", (error) => fail("network", error.message, error));
        response.on("aborted", () => fail("network", "the connection broke in the middle"));
      });
      request.end();
    });
  }
}

interface Received {
  readonly response: http.IncomingMessage;
  readonly raw: Buffer;
  readonly ip: string;
  readonly date: Date;
  readonly truncated: boolean;
}

class StaleConnection extends Error {}

const gunzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const inflate = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.unzip);
const inflateRaw = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);
const brotli = promisify<zlib.InputType, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress);

/** Unpacks by Content-Encoding, at most `maxBytes` of it: a bomb is given up as soon as it is larger. */
async function unpack(raw: Buffer, response: http.IncomingMessage, options: FetchOptions): Promise<Buffer> {
  const { statusCode: status } = response;
  const encodings = (response.headers["content-encoding"] ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "" && name !== "identity")
    .reverse();
  if (encodings.length > 2) throw new FetchProblem("encoding", "packed more than twice", { status });
  let body = raw;
  for (const encoding of raw.length === 0 ? [] : encodings) body = await unpackOnce(body, encoding, options, status);
  return body;
}

/** @param encoding gzip, deflate (with or without zlib's head) or br */
export async function unpackOnce(
  bytes: Buffer,
  encoding: string,
  { maxBytes }: Pick<FetchOptions, "maxBytes">,
  status?: number,
): Promise<Buffer> {
  // Servers cut the trailer off; what came before it is good.
  const limits = { maxOutputLength: maxBytes, finishFlush: zlib.constants.Z_SYNC_FLUSH };
  try {
    if (encoding === "gzip" || encoding === "x-gzip") return await gunzip(bytes, limits);
    if (encoding === "br") return await brotli(bytes, { maxOutputLength: maxBytes });
    if (encoding === "deflate") {
      // RFC 9110 8.4.1.2 says zlib; some servers send bare deflate.
      return ((bytes[0] ?? 0) & 0x0f) === 8 ? await inflate(bytes, limits) : await inflateRaw(bytes, limits);
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
      throw new FetchProblem("too_large", `unpacks to more than ${maxBytes} bytes`, { status, cause });
    }
    throw new FetchProblem("encoding", `is not the ${encoding} it says it is`, { status, cause });
  }
  throw new FetchProblem("encoding", `is packed by "${encoding}"`, { status });
}
