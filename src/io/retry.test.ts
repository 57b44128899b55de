import { expect, test } from "vitest";
import { backoff, isRetried, retryAfter } from "./retry.ts";

test("answers that another try may better", () => {
  expect([408, 429, 500, 502, 503, 504].filter((status) => !isRetried(status))).toEqual([]);
  expect([200, 301, 400, 401, 403, 404, 410, 451, 501, 505].filter(isRetried)).toEqual([]);
});

test("Retry-After in seconds and as a date: RFC 9110, 10.2.3", () => {
  const now = Date.UTC(1999, 11, 31, 23, 58, 59);
  expect(retryAfter("120", now)).toBe(120_000);
  expect(retryAfter(" 0 ", now)).toBe(0);
  expect(retryAfter("Fri, 31 Dec 1999 23:59:59 GMT", now)).toBe(60_000);
  expect(retryAfter("Fri, 31 Dec 1999 23:58:00 GMT", now)).toBe(0);
  for (const header of ["", "soon", undefined, null]) expect(retryAfter(header, now)).toBeUndefined();
});

test("waits double up to an hour, and last as long as was asked for", () => {
  expect([1, 2, 3, 4].map((tries) => backoff(tries, 500))).toEqual([500, 1000, 2000, 4000]);
  expect(backoff(40, 500)).toBe(3_600_000);
  expect(backoff(1, 500, 120_000)).toBe(120_000);
  expect(backoff(3, 500, 1000)).toBe(2000);
});
