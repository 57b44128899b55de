import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NuwaError } from "../../text/index.ts";
import { readSafetensors, SafetensorsFile, writeSafetensors } from "./safetensors.ts";

let scratch = "";
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "nuwa-safetensors-"));
});
afterAll(async () => rm(scratch, { recursive: true }));

/** A file of a header (an object, or text as it is) and data, made without the writer. */
async function makeFile(name: string, header: unknown, data: Uint8Array): Promise<string> {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  const path = join(scratch, name);
  await writeFile(path, bytes);
  return path;
}

async function refusal(path: string): Promise<NuwaError> {
  const error: unknown = await SafetensorsFile.open(path).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof NuwaError)) throw new Error(`expected a NuwaError, got ${String(error)}`);
  expect(error.where).toBe(path);
  return error;
}

test("what is written comes back, bit for bit", async () => {
  const path = join(scratch, "round.safetensors");
  const odd = Float32Array.from([1.5, -0, Number.NaN, Infinity, 1e-45, 0.1]);
  await writeSafetensors(
    path,
    [
      { name: "a", shape: [2, 3], values: () => odd },
      { name: "空", shape: [], values: () => [7] },
      { name: "none", shape: [0, 4], values: () => [] },
    ],
    { step: "12" },
  );
  const file = await SafetensorsFile.open(path);
  expect([...file.tensors.keys()]).toEqual(["a", "空", "none"]);
  expect(file.metadata).toEqual({ step: "12" });
  expect(file.entry("a").shape).toEqual([2, 3]);
  const a = await file.read("a");
  expect(new Uint8Array(a.buffer)).toEqual(new Uint8Array(odd.buffer));
  await file.close();
  const all = await readSafetensors(path);
  expect([...(all.get("空") ?? [])]).toEqual([7]);
  // the data begins on a multiple of 8
  const bytes = await readFile(path);
  expect(bytes.readBigUint64LE(0) % 8n).toBe(0n);
});

test("half precision and float64 are read as float32", async () => {
  // IEEE 754 binary16: 1, -2, 65504 (the largest), 2^-24 (the smallest), infinity, 1/3 rounded
  const half = Uint16Array.from([0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00, 0x3555]);
  // bfloat16: 1, -2, 3.140625, infinity
  const brain = Uint16Array.from([0x3f80, 0xc000, 0x4049, 0x7f80]);
  const double = Float64Array.from([0.1]);
  const data = new Uint8Array([half, brain, double].flatMap(({ buffer }) => [...new Uint8Array(buffer)]));
  const path = await makeFile(
    "half",
    {
      h: { dtype: "F16", shape: [6], data_offsets: [0, 12] },
      b: { dtype: "BF16", shape: [4], data_offsets: [12, 20] },
      d: { dtype: "F64", shape: [1], data_offsets: [20, 28] },
      i: { dtype: "I64", shape: [0], data_offsets: [28, 28] },
    },
    data,
  );
  const file = await SafetensorsFile.open(path);
  expect([...(await file.read("h"))]).toEqual([1, -2, 65504, 2 ** -24, Infinity, 0.333251953125]);
  expect([...(await file.read("b"))]).toEqual([1, -2, 3.140625, Infinity]);
  expect([...(await file.read("d"))]).toEqual([Math.fround(0.1)]);
  await expect(file.read("i")).rejects.toThrow(/tensor "i" is I64; expected one of/);
  await expect(file.read("hh")).rejects.toThrow('there is no tensor "hh"');
  await file.close();
});

describe("a damaged file is refused, and said what is wrong with", () => {
  const entry = (begin: number, end: number, dtype = "F32"): unknown => ({
    dtype,
    shape: [(end - begin) / 4],
    data_offsets: [begin, end],
  });
  const eight = new Uint8Array(8);

  test.each([
    ["cut short", { a: entry(0, 8), b: entry(8, 16) }, eight, /cut short: expected 16 bytes of tensors, got 8/],
    ["longer", { a: entry(0, 4) }, eight, /4 bytes follow the last tensor, "a"/],
    ["overlap", { a: entry(0, 8), b: entry(4, 8) }, eight, /"a" and "b" overlap at byte 4/],
    ["gap", { a: entry(4, 8) }, eight, /gap of 4 bytes/],
    ["unknown dtype", { a: entry(0, 8, "Q4") }, eight, /tensor "a" has the unknown dtype "Q4"/],
    ["dtype from the prototype", { a: entry(0, 8, "toString") }, eight, /unknown dtype "toString"/],
    ["shape", { a: { dtype: "F32", shape: [3], data_offsets: [0, 8] } }, eight, /needs 12 bytes, .* hold 8/],
    ["negative", { a: { dtype: "F32", shape: [-2], data_offsets: [0, -8] } }, eight, /expected dtype, shape/],
    ["huge", { a: { dtype: "F32", shape: [2 ** 40, 2 ** 40], data_offsets: [0, 8] } }, eight, /needs .* bytes/],
    ["not an entry", { a: 3 }, eight, /tensor "a": expected dtype, shape and data_offsets/],
    ["metadata", { __metadata__: { a: 1 } }, new Uint8Array(0), /__metadata__/],
    ["not JSON", "{ not json", eight, /not JSON/],
    ["not an object", "[1]", eight, /not a JSON object/],
  ])("%s", async (name, header, data, message) => {
    const error = await refusal(await makeFile(name.replaceAll(" ", "-"), header, data));
    expect(error.code).toBe("CHECKPOINT");
    expect(error.message).toMatch(message);
  });

  test("no header, half a header, something else, nothing", async () => {
    const write = async (name: string, bytes: Uint8Array): Promise<string> => {
      const path = join(scratch, name);
      await writeFile(path, bytes);
      return path;
    };
    expect((await refusal(await write("empty", new Uint8Array(0)))).message).toMatch(/cut short: 0 bytes/);
    const half = Uint8Array.from([100, 0, 0, 0, 0, 0, 0, 0, 0x7b]);
    expect((await refusal(await write("half-header", half))).message).toMatch(/header takes 100 bytes, 1 are there/);
    const text = new TextEncoder().encode("PK something else entirely");
    expect((await refusal(await write("zip", text))).message).toMatch(/not a safetensors file/);
    const missing = await refusal(join(scratch, "missing"));
    expect([missing.code, missing.message]).toEqual(["FILE", "there is no such file or folder"]);
    expect((await refusal(scratch)).code).toBe("FILE");
  });
});

test("a write that fails leaves what was there, and nothing beside it", async () => {
  const folder = await mkdtemp(join(scratch, "atomic-"));
  const path = join(folder, "model.safetensors");
  await writeSafetensors(path, [{ name: "a", shape: [1], values: () => [1] }]);
  const before = await readFile(path);
  const failing = writeSafetensors(path, [
    { name: "a", shape: [1], values: () => [2] },
    {
      name: "b",
      shape: [1],
      values: () => {
        throw new Error("no values");
      },
    },
  ]);
  await expect(failing).rejects.toThrow("no values");
  const short = writeSafetensors(path, [{ name: "a", shape: [2], values: () => [2] }]);
  await expect(short).rejects.toThrow('tensor "a" has 1 values for shape [2]');
  const twice = [1, 2].map((value) => ({ name: "a", shape: [1], values: () => [value] }));
  await expect(writeSafetensors(path, twice)).rejects.toThrow('two tensors are called "a"');
  expect(await readFile(path)).toEqual(before);
  expect(await readdir(folder)).toEqual(["model.safetensors"]);
  await expect(writeSafetensors(join(path, "x"), [])).rejects.toThrow("expected a folder, got a file");
});
