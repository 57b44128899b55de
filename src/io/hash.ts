import { createHash } from "node:crypto";
import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { canonicalJson } from "./json.ts";

/** SHA-256 of bytes, or of text as UTF-8; hexadecimal. */
export function hashBytes(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
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

/** {@link hashFile} without blocking the thread. */
export async function hashFileAsync(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    if (Buffer.isBuffer(chunk)) hash.update(chunk);
  }
  return hash.digest("hex");
}

/**
 * SHA-256 of a plain value, the same whatever the order of its keys; keys with the value undefined count as left out.
 */
export function hashValue(value: unknown): string {
  return hashBytes(canonicalJson(value));
}
