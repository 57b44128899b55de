import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { hashBytes, hashFile, hashFileAsync, hashValue } from "./hash.ts";
import { canonicalJson, readJson } from "./json.ts";

const folder = mkdtempSync(join(tmpdir(), "nuwa-hash-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** FIPS 180-2, appendix B.1 and B.3. */
const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const millionOfA = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

test("SHA-256 of text, bytes and files", async () => {
  expect([hashBytes("abc"), hashBytes(Buffer.from("abc"))]).toEqual([abc, abc]);
  const file = join(folder, "a");
  writeFileSync(file, "a".repeat(1_000_000));
  expect([hashFile(file), await hashFileAsync(file)]).toEqual([millionOfA, millionOfA]);
});

test("a value's hash does not depend on the order of its keys", () => {
  expect(hashValue({ a: 1, b: [{ d: 2, c: undefined }] })).toBe(hashValue({ b: [{ d: 2 }], a: 1, e: undefined }));
  expect(hashValue([1, 2])).not.toBe(hashValue([2, 1]));
  expect(hashValue({ a: null })).not.toBe(hashValue({}));
});

test("canonical JSON has sorted keys and no spaces", () => {
  expect(canonicalJson({ b: [1, undefined, "x"], a: { d: null, c: true }, e: undefined })).toBe(
    '{"a":{"c":true,"d":null},"b":[1,null,"x"]}',
  );
  expect(canonicalJson(undefined)).toBe("null");
});

test("a JSON file that is missing or damaged has no value", () => {
  writeFileSync(join(folder, "good.json"), '{"a":1}');
  writeFileSync(join(folder, "cut.json"), '{"a":');
  expect(readJson(join(folder, "good.json"))).toEqual({ a: 1 });
  expect(readJson(join(folder, "cut.json"))).toBeUndefined();
  expect(readJson(join(folder, "none.json"))).toBeUndefined();
});
