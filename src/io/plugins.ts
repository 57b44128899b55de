import { isAbsolute, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { NuwaError } from "../text/errors.ts";
import { didYouMean } from "../text/nearest.ts";
import type { Registry } from "../text/registry.ts";

/** What a plugin may add to, by the key of its default export. */
export const pluginKeys = [
  "stages",
  "families",
  "objectives",
  "optimizers",
  "schedules",
  "taskKinds",
  "tasks",
  "devices",
  "executors",
] as const;

export type PluginKey = (typeof pluginKeys)[number];

/** A loaded module of a user's: lists of definitions, each of which the registry that takes it checks. */
export interface Plugin {
  /** Its file, for messages. */
  readonly file: string;
  readonly definitions: Readonly<Partial<Record<PluginKey, readonly unknown[]>>>;
}

/** Absolute addresses of plugin files, to be sent to worker threads and child processes. */
export function pluginAddresses(files: readonly string[], cwd: string): string[] {
  return files.map((file) => pathToFileURL(isAbsolute(file) ? file : resolve(cwd, file)).href);
}

/**
 * Imports the modules that a recipe names under `plugins:`. Each has a default export such as
 * `{ stages: [defineStage({ … })], optimizers: [ … ] }`. Threads and processes load them again from the same addresses.
 *
 * @param addresses from {@link pluginAddresses}
 * @throws NuwaError FILE when a module is missing or fails while it is loaded, VALUE for an export of another form
 */
export async function loadPlugins(addresses: readonly string[]): Promise<Plugin[]> {
  const plugins: Plugin[] = [];
  for (const address of addresses) {
    const file = fileURLToPath(address);
    let module: { readonly default?: unknown };
    try {
      module = (await import(address)) as { readonly default?: unknown };
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new NuwaError("FILE", `cannot load this plugin: ${message}`, { where: file, cause });
    }
    plugins.push({ file, definitions: checkExport(module.default, file) });
  }
  return plugins;
}

function checkExport(value: unknown, file: string): Plugin["definitions"] {
  if (typeof value !== "object" || value === null) {
    throw new NuwaError("VALUE", "a plugin's default export must be an object of lists", {
      where: file,
      hint: "for example: export default { stages: [defineStage({ … })] }",
    });
  }
  const definitions: Partial<Record<PluginKey, readonly unknown[]>> = {};
  for (const [key, list] of Object.entries(value)) {
    const known = pluginKeys.find((name) => name === key);
    if (known === undefined) {
      throw new NuwaError("VALUE", `a plugin cannot add "${key}"`, { where: file, hint: didYouMean(key, pluginKeys) });
    }
    if (!Array.isArray(list)) throw new NuwaError("VALUE", `expected a list under "${key}"`, { where: file });
    definitions[known] = list;
  }
  return definitions;
}

/**
 * A registry with what plugins add to it.
 *
 * @param isEntry whether a plugin's value is such a definition
 * @throws NuwaError VALUE for one that is not, or whose name is taken
 */
export function withPlugins<Entry extends { readonly name: string }>(
  registry: Registry<Entry>,
  key: PluginKey,
  plugins: readonly Plugin[],
  isEntry: (value: unknown) => value is Entry,
): Registry<Entry> {
  const more = plugins.flatMap(({ file, definitions }) =>
    (definitions[key] ?? []).map((value) => {
      if (isEntry(value)) return value;
      throw new NuwaError("VALUE", `"${key}" holds something that is not a ${registry.kind}`, { where: file });
    }),
  );
  return more.length === 0 ? registry : registry.with(more);
}
