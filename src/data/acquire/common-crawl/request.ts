import { setTimeout as sleep } from "node:timers/promises";
import { backoff, isRetried, retryAfter } from "../../../io/retry.ts";
import { NuwaError } from "../../../text/errors.ts";
import type { CommonCrawlSettings } from "./settings.ts";

const PATIENCE_MS = 120_000;
const MOST_BYTES = 256e6;
const LONGEST_PAUSE_MS = 60_000;

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** Asks politely: one request at a time, a pause between two, and longer ones when the other side is busy. */
export class Requester {
  readonly #settings: CommonCrawlSettings;
  readonly #signal: AbortSignal | undefined;
  #last = 0;

  constructor(settings: CommonCrawlSettings, signal?: AbortSignal) {
    this.#settings = settings;
    this.#signal = signal;
  }

  /**
   * An answer of 200, 206 or 404; 429 and 5xx are tried again, after what Retry-After says or twice as long each time.
   *
   * @param range first and last byte
   * @throws NuwaError NETWORK when tries are used up, or for another status
   */
  async get(address: string, range?: readonly [first: number, last: number]): Promise<Answer> {
    const { delay_ms: delay, tries } = this.#settings;
    let why = "";
    for (let attempt = 1; attempt <= tries; attempt++) {
      await this.#pause(Math.max(0, this.#last + delay - Date.now()));
      try {
        const late = AbortSignal.timeout(PATIENCE_MS);
        const signal = this.#signal === undefined ? late : AbortSignal.any([late, this.#signal]);
        const headers: Record<string, string> = { "user-agent": "Nuwa (https://www.npmjs.com/package/nuwa)" };
        if (range !== undefined) headers["range"] = `bytes=${range[0]}-${range[1]}`;
        const response = await fetch(address, { headers, signal });
        const { status } = response;
        if (range !== undefined && status === 200) {
          await response.body?.cancel(); // all of an archive, a gigabyte
          why = "does not answer with a part of a file";
          break;
        }
        if (status === 200 || status === 206 || status === 404) {
          const body = await readBody(response);
          this.#last = Date.now();
          return { status, body };
        }
        await response.body?.cancel();
        why = `answered ${status}`;
        if (!isRetried(status)) break;
        const asked = retryAfter(response.headers.get("retry-after"), Date.now());
        await this.#pause(Math.min(LONGEST_PAUSE_MS, backoff(attempt, delay, asked)));
      } catch (error) {
        this.#signal?.throwIfAborted();
        const { message, cause } = error as Error;
        why = cause instanceof Error ? `${message}: ${cause.message}` : message;
        await this.#pause(Math.min(LONGEST_PAUSE_MS, backoff(attempt, delay)));
      }
    }
    throw new NuwaError("NETWORK", `cannot be fetched: ${why}`, {
      where: address,
      hint: "look whether the address answers from this machine; run the same command again to go on",
    });
  }

  async #pause(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, this.#signal === undefined ? {} : { signal: this.#signal });
  }
}

async function readBody(response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of response.body ?? []) {
    total += chunk.length;
    if (total > MOST_BYTES) throw new Error(`answers with more than ${MOST_BYTES / 1e6} MB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
