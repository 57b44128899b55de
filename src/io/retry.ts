/** Answers that another try may better. */
export function isRetried(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

/**
 * Retry-After in milliseconds: seconds or a date (RFC 9110, 10.2.3); undefined where it is neither.
 *
 * @example retryAfter("120", Date.now()) // 120000
 */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  const text = header?.trim() ?? "";
  if (/^\d+$/u.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return text === "" || Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** The rest before a try: doubled from one to the next, at most an hour, milliseconds. */
export function backoff(tries: number, first: number): number {
  return Math.min(3_600_000, first * 2 ** (tries - 1));
}
