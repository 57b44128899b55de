import { setTimeout as sleep } from "node:timers/promises";
import { InputProblem } from "./input-problem.ts";

const TRIES = 5;
const SILENCE_MS = 60_000;

/**
 * The bytes at an http or https address, as a stream. A broken connection is taken up where it broke (Range), with a
 * growing pause; so is an answer of 429 or 5xx.
 *
 * @throws InputProblem when the address answers with an error, or five tries in a row bring nothing
 */
export async function* download(address: string): AsyncGenerator<Buffer> {
  let received = 0;
  let validator: string | undefined;
  for (let tries = 0; ; tries++) {
    const controller = new AbortController();
    let timer = setTimeout(() => controller.abort(), SILENCE_MS);
    try {
      const headers: Record<string, string> =
        received === 0 ? {} : { range: `bytes=${received}-`, ...(validator && { "if-range": validator }) };
      // As it is: a .gz that a server declares as content-encoding must not be unpacked twice.
      const response = await fetch(address, {
        headers: { ...headers, "accept-encoding": "identity" },
        signal: controller.signal,
      });
      if (response.status === 429 || response.status >= 500) throw new Error(`answered ${response.status}`);
      if (!response.ok) throw new InputProblem(`answered ${response.status} ${response.statusText}`.trim());
      if (received > 0 && response.status !== 206) throw new InputProblem("changed, or cannot be read from the middle");
      validator = response.headers.get("etag") ?? response.headers.get("last-modified") ?? undefined;
      for await (const chunk of response.body ?? []) {
        clearTimeout(timer);
        timer = setTimeout(() => controller.abort(), SILENCE_MS);
        received += chunk.length;
        tries = 0;
        yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      }
      return;
    } catch (error) {
      if (error instanceof InputProblem) throw error;
      if (tries + 1 >= TRIES) {
        const { message, cause } = error as Error;
        const why = cause instanceof Error ? `${message}: ${cause.message}` : message;
        throw new InputProblem(`cannot be fetched (${why})`, { cause: error });
      }
      await sleep(200 * 2 ** tries);
    } finally {
      clearTimeout(timer);
    }
  }
}
