import { readFileSync } from "node:fs";

let known: string | undefined;

/** Nuwa's version, from its package.json, which lies above the sources and above the build. */
export function version(): string {
  known ??= find(new URL(".", import.meta.url));
  return known;
}

function find(folder: URL): string {
  try {
    const value: unknown = JSON.parse(readFileSync(new URL("package.json", folder), "utf8"));
    if (typeof value === "object" && value !== null && "version" in value) return String(value.version);
  } catch {
    // Not here: further up.
  }
  const above = new URL("..", folder);
  return above.href === folder.href ? "unknown" : find(above);
}
