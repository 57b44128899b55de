/** Whether another try may get a better answer: RFC 9110 on 408, 429 and 5xx. */
export function isRetried(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

/**
 * Retry-After in milliseconds: seconds or a date (RFC 9110, 10.2.3); undefined where it is neither.
 *
 * @param now milliseconds since 1970
 * @example retryAfter("120", Date.now()) // 120000
 */
export function retryAfter(header: string | null | undefined, now: number): number | undefined {
  const text = header?.trim() ?? "";
  if (/^\d+$/u.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return text === "" || Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

const LONGEST = 3_600_000;

/**
 * How long to wait before the next try, milliseconds: doubled from one to the next, an hour at the most; longer where
 * the other side asked for it.
 *
 * @param tries made so far, from 1
 * @param first wait, milliseconds
 * @param asked what {@link retryAfter} read
 */
export function backoff(tries: number, first: number, asked = 0): number {
  return Math.max(Math.min(LONGEST, first * 2 ** (tries - 1)), asked);
}
