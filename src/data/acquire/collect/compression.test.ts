import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { type Compression, compressionOf, unpack } from "./compression.ts";
import { packedLines as packed, packedLinesText as TEXT } from "./formats/test-files.ts";
import { InputProblem } from "./input-problem.ts";

async function textOf(bytes: Buffer, compression: Compression, size = 7): Promise<string> {
  const pieces: Buffer[] = [];
  const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, k) =>
    bytes.subarray(k * size, (k + 1) * size),
  );
  for await (const piece of unpack(Readable.from(chunks, { objectMode: false }), compression)) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}

describe.each(Object.entries(packed) as [Compression, Buffer][])("%s", (compression, bytes) => {
  test("in pieces of any size", async () => {
    expect(await textOf(bytes, compression, 1)).toBe(TEXT);
    expect(await textOf(bytes, compression, 1000)).toBe(TEXT);
  });

  test("several in a row", async () => {
    expect(await textOf(Buffer.concat([bytes, bytes, bytes]), compression)).toBe(TEXT.repeat(3));
  });

  test("cut short anywhere", async () => {
    for (const length of [bytes.length - 1, bytes.length >> 1, 12]) {
      const outcome = textOf(bytes.subarray(0, length), compression);
      await expect(outcome, `${length} of ${bytes.length} bytes`).rejects.toThrow(InputProblem);
    }
  });

  test("other bytes", async () => {
    await expect(textOf(Buffer.from("no packed data, just a text\n".repeat(3)), compression)).rejects.toThrow(
      new RegExp(`^(?:damaged ${compression} data|${compression} data cut short)`),
    );
  });

  test("a source that fails is named by its own fault", async () => {
    const source = new Readable({ read: () => undefined });
    source.push(bytes.subarray(0, 12));
    queueMicrotask(() => source.destroy(new InputProblem("answered 404 Not Found")));
    const read = (async () => {
      for await (const piece of unpack(source, compression)) void piece;
    })();
    await expect(read).rejects.toThrow("answered 404 Not Found");
  });
});

test("names", () => {
  expect(compressionOf("a/lines.jsonl.zst")).toEqual({ compression: "zstd", inner: "a/lines.jsonl" });
  expect(compressionOf("DUMP.XML.BZ2")).toEqual({ compression: "bzip2", inner: "DUMP.XML" });
  expect(compressionOf("texts.txz")).toEqual({ compression: "xz", inner: "texts.tar" });
  expect(compressionOf("plain.txt")).toEqual({ compression: undefined, inner: "plain.txt" });
});
