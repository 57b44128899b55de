import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { crc32c, TensorBoardLog } from "./tensorboard.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nuwa-tensorboard-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const step = { type: "step", loss: 2.5, lr: 0.25, grad_norm: 1, tokens: 64, tokens_per_s: 10, elapsed_s: 1 } as const;

function files(): Buffer[] {
  return readdirSync(folder)
    .toSorted()
    .map((name) => readFileSync(join(folder, name)));
}

/** The data of each record. */
function records(file: Buffer): Buffer[] {
  const all: Buffer[] = [];
  for (let start = 0; start < file.length; start += 16 + (all.at(-1)?.length ?? 0)) {
    const length = Number(file.readBigUInt64LE(start));
    all.push(file.subarray(start + 12, start + 12 + length));
  }
  return all;
}

test("the checksum is CRC-32C (RFC 3720, B.4)", () => {
  expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
});

test("a file begins as TensorFlow's do", () => {
  const board = new TensorBoardLog(folder, 0);
  board.append({ ...step, step: 1 });
  board.close();
  const [file] = files();
  if (file === undefined) throw new Error("expected a file");
  // 24 bytes and their masked checksum, the time, the version: what TensorFlow 2 writes, but for its step of 0
  expect(file.subarray(0, 8).toString("hex")).toBe("1a00000000000000");
  const [version, session, summary] = records(file);
  expect(version?.subarray(9).toString("latin1")).toBe("\u0010\u0000\u001a\rbrain.Event:2");
  expect(session?.subarray(9).toString("hex")).toBe("10003a020801");
  expect(summary?.readDoubleLE(1)).toBeGreaterThan(1.7e9);
  const text = summary?.toString("latin1") ?? "";
  for (const tag of ["loss/training", "learning_rate", "grad_norm", "tokens_per_s"]) expect(text).toContain(tag);
  const value = Buffer.from([0x15, 0, 0, 0x20, 0x40]).toString("latin1"); // field 2, a float: 2.5
  expect(text).toContain(`\n\rloss/training${value}`);
});

test("each time that a run goes on has a file of its own, in order, that says from which step it counts", () => {
  for (const [from, last] of [
    [0, 2],
    [1, 3],
  ] as const) {
    const board = new TensorBoardLog(folder, from);
    for (let n = from + 1; n <= last; n++) board.append({ ...step, step: n, scalars: { kl: 0.5 } });
    board.append({ type: "eval", step: last, val_loss: 2, tokens: 8, best: true, scalars: { accuracy: 1 } });
    board.append({ type: "sample", step: last, prompt: "", text: "" });
    board.close();
  }
  const [first, second] = files().map(records);
  expect(first).toHaveLength(2 + 2 + 1);
  expect(second?.[1]?.subarray(9).toString("hex")).toBe("10023a020801");
  expect(second?.[2]?.toString("latin1")).toContain("kl/training");
  expect(second?.at(-1)?.toString("latin1")).toContain("accuracy/held out");
});

test("a run that has nothing to write makes no file", () => {
  new TensorBoardLog(folder, 10).close();
  expect(files()).toEqual([]);
});
