import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What native/text exports. */
export interface TextAddon {
  suffixArray(text: Int32Array, symbols: number, result: Int32Array): void;
  firstWindows(tokens: Int32Array, width: number, first: Int32Array): void;
}

/**
 * For each window of `width` tokens the position of the first equal one: `result[i] === i` where the window is the first
 * of its kind, or holds a 0 (the separator), or does not end within `tokens`. May overwrite `tokens`.
 */
export type FirstWindows = (tokens: Int32Array, width: number) => Int32Array;

let loaded: TextAddon | null | undefined;

/** build/nuwa_text.node, loaded once in each thread; undefined where it was not built. */
export function textAddon(): TextAddon | undefined {
  if (loaded !== undefined) return loaded ?? undefined;
  loaded = null;
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) {
      try {
        // The addon is ours and its shape is the interface above.
        loaded = createRequire(import.meta.url)(join(folder, "build", "nuwa_text.node")) as TextAddon;
      } catch {
        // Not built, or for another system: the portable version gives the same answer.
      }
      return loaded ?? undefined;
    }
    if (dirname(folder) === folder) return undefined;
  }
}

/** By suffix array in native code where that is built, else {@link portableFirstWindows}. */
export function firstWindows(tokens: Int32Array, width: number): Int32Array {
  const addon = textAddon();
  if (addon === undefined) return portableFirstWindows(tokens, width);
  const first = new Int32Array(tokens.length);
  addon.firstWindows(tokens, width, first);
  return first;
}

/** By a table of the windows' rolling hashes, each hit compared token by token. Leaves `tokens` as they are. */
export function portableFirstWindows(tokens: Int32Array, width: number): Int32Array {
  const n = tokens.length;
  const first = Int32Array.from({ length: n }, (_, i) => i);
  if (n < width) return first;
  let size = 1024;
  while (size < 2 * n) size *= 2;
  const table = new Int32Array(size).fill(-1);
  const factor = 0x01000193;
  let power = 1;
  for (let i = 1; i < width; i++) power = Math.imul(power, factor);
  let hash = 0;
  let room = 0;
  for (let end = 0; end < n; end++) {
    const token = tokens[end] ?? 0;
    if (end >= width) hash = (hash - Math.imul(tokens[end - width] ?? 0, power)) | 0;
    hash = (Math.imul(hash, factor) + token) | 0;
    room = token === 0 ? 0 : room + 1;
    if (room < width) continue;
    const start = end - width + 1;
    let slot = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) >>> 0;
    for (slot %= size; ; slot = (slot + 1) % size) {
      const other = table[slot] ?? -1;
      if (other === -1) table[slot] = start;
      else if (equal(tokens, other, start, width)) first[start] = other;
      else continue;
      break;
    }
  }
  return first;
}

function equal(tokens: Int32Array, a: number, b: number, width: number): boolean {
  for (let k = 0; k < width; k++) if (tokens[a + k] !== tokens[b + k]) return false;
  return true;
}
