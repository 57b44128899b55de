import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const source = join(import.meta.dirname, "../src");

/** DESIGN's house: a folder may import from its own floor and from those below, never from above. */
const floors: { readonly [folder: string]: number } = {
  cli: 8,
  run: 7,
  eval: 6,
  serve: 6,
  train: 5,
  generate: 5,
  models: 4,
  nn: 3,
  optim: 3,
  data: 3,
  tensor: 2,
  tokenizer: 2,
  ngram: 2,
  text: 1,
  io: 1,
};

const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const room = (file: string) => relative(source, file).split(/[\\/]/)[0] ?? "";

/** Files of `src` that a file imports. */
function imports(file: string): string[] {
  const text = readFileSync(join(source, file), "utf8");
  return [...text.matchAll(/(?:from|import\(?)\s*"(\.[^"]+)"/g)].map(([, path = ""]) =>
    resolve(dirname(join(source, file)), path),
  );
}

test("no import runs back up", () => {
  const upward = files.flatMap((file) => {
    const own = floors[room(join(source, file))];
    if (own === undefined || file.endsWith(".test.ts")) return [];
    return imports(file)
      .filter((target) => target.startsWith(source) && (floors[room(target)] ?? 99) > own)
      .map((target) => `${file} -> ${relative(source, target)}`);
  });
  expect(upward).toEqual([]);
});

test("folders of one floor do not import each other in a circle", () => {
  const edges = new Map<string, Set<string>>();
  for (const file of files.filter((name) => !name.endsWith(".test.ts"))) {
    const from = room(join(source, file));
    for (const target of imports(file)) {
      const to = room(target);
      if (to === from || floors[to] === undefined || floors[to] !== floors[from]) continue;
      edges.set(from, (edges.get(from) ?? new Set()).add(to));
    }
  }
  for (const [from, targets] of edges)
    for (const to of targets) expect(edges.get(to)?.has(from) ?? false, `${from} <-> ${to}`).toBe(false);
});

test("no file imports itself through others", () => {
  const edges = new Map(
    files
      .filter((name) => !name.endsWith(".test.ts"))
      .map((name) => [join(source, name), imports(name).filter((target) => target.startsWith(source))] as const),
  );
  const circles: string[] = [];
  const state = new Map<string, "open" | "done">();
  const visit = (file: string, path: readonly string[]): void => {
    if (state.get(file) === "done") return;
    if (state.get(file) === "open") {
      circles.push([...path.slice(path.indexOf(file)), file].map((one) => relative(source, one)).join(" -> "));
      return;
    }
    state.set(file, "open");
    for (const target of edges.get(file) ?? []) visit(target, [...path, file]);
    state.set(file, "done");
  };
  for (const file of edges.keys()) visit(file, []);
  expect(circles).toEqual([]);
});

test("only tests and the engine read from a device at once: a device may answer later", () => {
  const own = files.filter((name) => !name.endsWith(".test.ts") && room(join(source, name)) !== "tensor");
  const waits = own.filter((name) => /\.toArray\(\)|\breadNow\b/.test(readFileSync(join(source, name), "utf8")));
  expect(waits).toEqual([]);
});

test("groups inside a folder import each other in one direction", () => {
  const edges = new Set<string>();
  for (const file of files.filter((name) => !name.endsWith(".test.ts"))) {
    const from = dirname(file).split(/[\\/]/);
    for (const target of imports(file)) {
      const to = dirname(relative(source, target)).split(/[\\/]/);
      const shared = from.findIndex((part, i) => part !== to[i]);
      if (shared < 1 || shared >= to.length) continue;
      edges.add(`${from.slice(0, shared + 1).join("/")} -> ${to.slice(0, shared + 1).join("/")}`);
    }
  }
  const mutual = [...edges].filter((edge) => edges.has(edge.split(" -> ").toReversed().join(" -> ")));
  expect(mutual).toEqual([]);
});

test("no folder has become a heap", () => {
  const counts = new Map<string, number>();
  for (const file of files.filter((name) => !name.endsWith(".test.ts"))) {
    counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  }
  expect([...counts].filter(([, count]) => count > 22)).toEqual([]);
});

test("every folder under src says what lives in it", () => {
  const folders = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const silent = folders.map(({ name }) => name).filter((name) => !existsSync(join(source, name, "README.md")));
  expect(silent).toEqual([]);
});

test("every import path of the package leads to a source file", () => {
  const { exports } = JSON.parse(readFileSync(join(source, "../package.json"), "utf8")) as {
    exports: Record<string, string>;
  };
  const missing = Object.values(exports).filter((path) => {
    const file = path.replace("./dist/", "../").replace(/\.js$/, ".ts");
    return !existsSync(join(source, file.replace("../src/", "")));
  });
  expect(missing).toEqual([]);
});

test("files appear whole, by the one way that io has: no rename elsewhere", () => {
  const renaming = files.filter(
    (file) =>
      !file.endsWith(".test.ts") &&
      room(join(source, file)) !== "io" &&
      /\brename(Sync)?\(/.test(readFileSync(join(source, file), "utf8")),
  );
  expect(renaming).toEqual([]);
});

test("nothing outside the model families' folders names what is of one family alone", () => {
  const familyFolder = join("models", "families");
  const families = readdirSync(join(source, familyFolder), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  expect(families.length).toBeGreaterThan(1);
  // The registry names each family; the index shows llama2.c's reader, which is a function of its own.
  const doors = [join("models", "registry.ts"), join("models", "index.ts")];
  const outside = ["../src", "../test", "../bench"].flatMap((folder) => {
    const root = join(import.meta.dirname, folder);
    return readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !file.startsWith(familyFolder) && !doors.includes(file))
      .map((file) => join(root, file));
  });
  const named = outside.filter((file) => {
    const paths = [...readFileSync(file, "utf8").matchAll(/from\s*"(\.[^"]+)"/g)];
    return paths.some(([, path = ""]) => resolve(dirname(file), path).startsWith(join(source, familyFolder)));
  });
  expect(named.map((file) => relative(source, file))).toEqual([]);
});
