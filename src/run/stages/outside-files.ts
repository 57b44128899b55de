import { statSync } from "node:fs";
import { isAddress, listFiles } from "../../data/acquire/collect/files.ts";
import type { Format } from "../../data/acquire/collect/index.ts";
import { hashValue } from "../../io/hash.ts";

/**
 * A hash of which files there are and when they changed. Their content is not read: for a large corpus that would take
 * as long as the stage itself. (A file whose time changed and whose text did not is read again, and what depends on it
 * is not redone, because shards are compared by content.) Of an http address only the address counts: it is read once.
 *
 * @throws NuwaError FILE when a pattern matches nothing
 */
export async function fingerprintFiles(
  patterns: readonly string[],
  options: { readonly cwd: string; readonly exclude?: readonly string[]; readonly format?: Format | "auto" },
): Promise<string> {
  const files = await listFiles(patterns, { ...options, onProblem: () => undefined });
  return hashValue(
    files.map(({ path, name }) => {
      if (isAddress(path)) return [name];
      const stat = statSync(path);
      return [name, stat.size, Math.round(stat.mtimeMs)];
    }),
  );
}
