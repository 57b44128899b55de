import { statSync } from "node:fs";
import type { FilePatterns } from "../../data/define-source-stage.ts";
import { hashValue } from "../../io/hash.ts";

/**
 * Hashes, by name, of which files there are and when they changed. Their content is not read: for a large corpus that
 * would take as long as the stage itself. (A file whose time changed and whose text did not is read again, and what
 * depends on it is not redone, because shards are compared by content.) Of an http address only the address counts: it
 * is read once.
 *
 * @throws NuwaError FILE when a pattern matches nothing
 */
export async function fingerprintAll(
  sources: Readonly<Record<string, FilePatterns>>,
  cwd: string,
): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const [name, patterns] of Object.entries(sources)) hashes[name] = await fingerprint(patterns, cwd);
  return hashes;
}

async function fingerprint({ patterns, exclude = [], format }: FilePatterns, cwd: string): Promise<string> {
  const { isAddress, listFiles } = await import("../../data/acquire/collect/files.ts");
  const files = await listFiles(patterns, {
    cwd,
    exclude,
    ...(format === undefined ? {} : { format }),
    onProblem: () => undefined,
  });
  return hashValue(
    files.map(({ path, name }) => {
      if (isAddress(path)) return [name];
      const stat = statSync(path);
      return [name, stat.size, Math.round(stat.mtimeMs)];
    }),
  );
}
