import { setTimeout as sleep } from "node:timers/promises";
import { NuwaError } from "../../text/errors.ts";
import type { CommonCrawlSettings } from "./settings.ts";

const SILENCE_MS = 60_000;
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
    for (let attempt = 0; attempt < tries; attempt++) {
      await this.#pause(Math.max(0, this.#last + delay - Date.now()));
      try {
        const silence = AbortSignal.timeout(SILENCE_MS);
        const signal = this.#signal === undefined ? silence : AbortSignal.any([silence, this.#signal]);
        const headers: Record<string, string> = { "user-agent": "Nuwa (https://www.npmjs.com/package/nuwa)" };
        if (range !== undefined) headers["range"] = `bytes=${range[0]}-${range[1]}`;
        const response = await fetch(address, { headers, signal });
        const { status } = response;
        if (status === 200 || status === 206 || status === 404) {
          const body = Buffer.from(await response.arrayBuffer());
          this.#last = Date.now();
          return { status, body };
        }
        await response.body?.cancel();
        why = `answered ${status}`;
        if (status !== 429 && status < 500) break;
        const after = Number(response.headers.get("retry-after") ?? 0);
        await this.#pause(Math.min(LONGEST_PAUSE_MS, Math.max(after * 1000, delay * 2 ** attempt)));
      } catch (error) {
        this.#signal?.throwIfAborted();
        const { message, cause } = error as Error;
        why = cause instanceof Error ? `${message}: ${cause.message}` : message;
        await this.#pause(Math.min(LONGEST_PAUSE_MS, delay * 2 ** attempt));
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
