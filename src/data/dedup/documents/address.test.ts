import { expect, test } from "vitest";
import { documentAddress, normaliseAddress } from "./address.ts";

test.each([
  ["http://www.Example.org:80/a/?utm_source=x&b=2&a=1#top", "example.org/a?a=1&b=2"],
  ["https://example.org/a?a=1&b=2&gclid=77", "example.org/a?a=1&b=2"],
  ["https://example.org", "example.org"],
  ["HTTPS://EXAMPLE.ORG./", "example.org"],
  ["http://example.org:443/", "example.org"],
  ["http://example.org:8080/x//", "example.org:8080/x"],
  ["http://user:pass@example.org/%7euser/%e4%bd%a0", "example.org/~user/%E4%BD%A0"],
  ["http://example.org/你", "example.org/%E4%BD%A0"],
  ["http://例子.测试/", "xn--fsqu00a.xn--0zwm56d"],
  ["https://example.org/A", "example.org/A"],
  ["https://m.example.org/?q=a+b&q=a%20c", "m.example.org?q=a%20b&q=a%20c"],
])("%s", (address, expected) => expect(normaliseAddress(address)).toBe(expected));

test.each(["", "example.org/a", "mailto:a@b.c", "file:///etc/passwd", "http://", "http://[", "javascript:alert(1)"])(
  "%s is no address",
  (address) => expect(normaliseAddress(address)).toBeUndefined(),
);

test("parameters of the user's", () => {
  expect(normaliseAddress("https://e.org/?from=1&id=2", ["from"])).toBe("e.org?id=2");
});

test("a document's address is meta.url, or its source with its part's number", () => {
  const source = "https://a.org/x#3";
  expect(documentAddress({ source: "f.jsonl#1", meta: { url: "http://a.org/x" } }, [])).toBe("a.org/x");
  expect(documentAddress({ source, meta: {} }, [])).toBe("a.org/x#3");
  expect(documentAddress({ source: "books/a.txt", meta: {} }, [])).toBeUndefined();
  expect(documentAddress({ source, meta: { url: 7 } }, [])).toBe("a.org/x#3");
});
