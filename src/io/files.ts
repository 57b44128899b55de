import { createHash } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import * as path from "node:path";
import { writeError } from "./durable.ts";

/**
 * Writes a whole file under another name, flushes it to the disk, and renames it into place.
 * @throws NuwaError FILE when the disk is full or the place cannot be written
 */
export function writeWhole(file: string, data: string | Uint8Array): void {
  const temporary = `${file}.tmp`;
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    const bytes = typeof data === "string" ? Buffer.from(data, "utf8") : data;
    const handle = openSync(temporary, "w");
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw writeError(error, file);
  }
}

/** SHA-256 of a file as hexadecimal, read in pieces. */
export function hashFile(file: string): string {
  const hash = createHash("sha256");
  const handle = openSync(file, "r");
  try {
    const piece = Buffer.allocUnsafe(1 << 20);
    for (;;) {
      const read = readSync(handle, piece, 0, piece.length, null);
      if (read === 0) break;
      hash.update(piece.subarray(0, read));
    }
  } finally {
    closeSync(handle);
  }
  return hash.digest("hex");
}

/**
 * SHA-256 of a plain value, the same whatever the order of its keys; keys with the value undefined count as left out.
 */
export function hashValue(value: unknown): string {
  return createHash("sha256").update(canonical(value)).digest("hex");
}

/** JSON with sorted keys. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item ?? null)).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

/** A JSON file's value, or undefined when there is none or it is not JSON. */
export function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as unknown;
  } catch {
    return undefined;
  }
}
