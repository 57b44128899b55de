import { expect, test } from "vitest";
import { expectGrowth } from "../../../../test/helpers/growth.ts";
import { isTrapPath, normaliseUrl, urlTemplate, wildcard } from "./url.ts";

test("normalises what RFC 3986 6.2 calls equal, and nothing else", () => {
  for (const [given, wanted] of [
    ["HTTP://Example.ORG:80/a/./b/../c#top", "http://example.org/a/c"],
    ["https://example.org:443", "https://example.org/"],
    ["http://example.org:443/", "http://example.org:443/"],
    ["http://example.org./a", "http://example.org/a"],
    ["http://a.org/%7euser/%e4%b8%ad", "http://a.org/~user/%E4%B8%AD"],
    ["http://a.org/a%2fb", "http://a.org/a%2Fb"],
    ["http://例子.测试/中文?q=字", "http://xn--fsqu00a.xn--0zwm56d/%E4%B8%AD%E6%96%87?q=%E5%AD%97"],
    ["http://a.org/?b=2&a=1&utm_source=x&PHPSESSID=4f", "http://a.org/?b=2&a=1"],
    ["http://a.org/x;jsessionid=AB12?y=1", "http://a.org/x?y=1"],
    ["http://a.org/x?", "http://a.org/x"],
    ["  http://a.org/\n", "http://a.org/"],
    ["http://2130706433/", "http://127.0.0.1/"],
  ] as const) {
    expect(normaliseUrl(given)).toBe(wanted);
  }
});

test("what is no web address", () => {
  for (const given of [
    "",
    "mailto:a@b.org",
    "ftp://a.org/",
    "http://",
    "http://[::1",
    "http://u:p@a.org/",
    "//a.org/",
  ]) {
    expect(normaliseUrl(given), given).toBeUndefined();
  }
  expect(normaliseUrl(`http://a.org/${"x".repeat(3000)}`)).toBeUndefined();
  expect(normaliseUrl("//a.org/x", "https://b.org/")).toBe("https://a.org/x");
});

test("is its own normal form", () => {
  for (const given of [
    "http://a.org/%25%37e",
    "http://a.org/a;sid=1;sid=2/b",
    "http://a.org/?a&&b=%c3%9f#",
    "http://a.org/%",
  ]) {
    const once = normaliseUrl(given);
    expect(once === undefined ? undefined : normaliseUrl(once)).toBe(once);
  }
});

test("templates of one program are one", () => {
  const template = urlTemplate("http://a.org/calendar/2031/05?view=month&d=7");
  expect(urlTemplate("http://a.org/calendar/1999/12?d=31&view=day")).toBe(template);
  expect(urlTemplate("http://a.org/calendars/1999/12?d=31&view=day")).not.toBe(template);
});

test("paths that grow by themselves", () => {
  expect(isTrapPath("http://a.org/a/b/a/b/a/b/", 16)).toBe(true);
  expect(isTrapPath("http://a.org/x/x/x", 16)).toBe(true);
  expect(isTrapPath("http://a.org/a/b/a/b/c", 16)).toBe(false);
  expect(isTrapPath("http://a.org/tiles/1/1/1", 16)).toBe(false);
  expect(isTrapPath(`http://a.org${"/abc".repeat(2)}/${[..."defghijklmnopqrs"].join("/")}`, 16)).toBe(true);
});

test("wildcards", async () => {
  expect(wildcard("*/login*", "http://a.org/login?x")).toBe(true);
  expect(wildcard("http://a.org/", "http://a.org/b")).toBe(false);
  expect(wildcard("a*a", "a")).toBe(false);
  expect(wildcard("a*b*c", "a-b-b-c")).toBe(true);
  expect(wildcard("*", "")).toBe(true);
  const hostile = `${"*a".repeat(50)}b`;
  expect(wildcard(hostile, "a".repeat(100_000))).toBe(false);
  await expectGrowth(
    (size) => "a".repeat(size),
    100_000,
    (url) => wildcard(hostile, url),
  );
});
