// Makes pages of the public API from docstrings: FOLDER/NAME.md for each import path of the package, from the built
// declarations in dist/ (build first).
//   node scripts/api-pages.mjs [FOLDER]        default: docs/api
//   node scripts/api-pages.mjs --json          prints what it found instead, for tests
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { parseSync } from "vite";

/**
 * @typedef {object} Declared
 * @property {string} name as exported
 * @property {string} kind function, class, interface, type, constant or namespace
 * @property {string} code the declaration, without `export declare`
 * @property {string} doc the docstring's text, without stars; "" where there is none
 * @property {string} file the source file, relative to the package
 */

const root = join(import.meta.dirname, "..");
/** @type {Map<string, Map<string, Declared[]>>} */
const modules = new Map();

/** The declarations file that an import names: declarations keep the `.ts` of their sources. */
const resolved = (from, specifier) => resolve(dirname(from), specifier.replace(/\.(?:d\.)?[jt]s$/, ".d.ts"));

const KINDS = {
  TSDeclareFunction: "function",
  FunctionDeclaration: "function",
  ClassDeclaration: "class",
  TSInterfaceDeclaration: "interface",
  TSTypeAliasDeclaration: "type",
  TSEnumDeclaration: "enum",
  VariableDeclaration: "constant",
};

/**
 * What a file exports, by name; overloads of a function are several declarations.
 *
 * @param {string} file
 * @returns {Map<string, Declared[]>}
 */
function exportsOf(file) {
  const known = modules.get(file);
  if (known !== undefined) return known;
  /** @type {Map<string, Declared[]>} */
  const found = new Map();
  modules.set(file, found);
  const source = readFileSync(file, "utf8");
  const { program, comments } = parseSync(file, source);
  /** @type {Map<string, Declared[]>} */
  const local = new Map();
  /** Names that other files export, by the name they have here. */
  const imported = new Map();

  const docBefore = (start) => {
    const comment = comments.findLast(({ type, end }) => type === "Block" && end <= start);
    const isDoc = comment?.value.startsWith("*") && source.slice(comment.end, start).trim() === "";
    return isDoc ? docText(comment.value) : "";
  };
  const declare = (target, node, outer) => {
    const kind = KINDS[node.type];
    if (kind === undefined) return;
    const names =
      node.type === "VariableDeclaration" ? node.declarations.map(({ id }) => id.name) : [node.id?.name ?? "default"];
    const code = source
      .slice(outer.start, outer.end)
      .replace(/^export /, "")
      .replace(/^declare /, "")
      .replaceAll(/^\s*#private;\n/gm, "");
    const entry = { kind, code, doc: docBefore(outer.start), file: relative(root, file).replace(/^dist\//, "") };
    for (const name of names) target.set(name, [...(target.get(name) ?? []), { name, ...entry }]);
  };

  for (const node of program.body) {
    if (node.type === "ImportDeclaration") {
      for (const { imported: from, local: name } of node.specifiers) {
        if (from !== undefined) imported.set(name.name, { file: node.source.value, name: from.name });
      }
    } else declare(local, node, node);
  }
  const take = (entries, name) =>
    found.set(
      name,
      (entries ?? []).map((entry) => ({ ...entry, name })),
    );
  for (const node of program.body) {
    if (node.type === "ExportAllDeclaration") {
      const target = resolved(file, node.source.value);
      if (node.exported === null) for (const [name, entries] of exportsOf(target)) found.set(name, entries);
      else {
        const name = node.exported.name;
        found.set(name, [{ name, kind: "namespace", code: `export * as ${name}`, doc: "As its own path.", file: "" }]);
      }
    } else if (node.type === "ExportNamedDeclaration") {
      if (node.declaration !== null) declare(found, node.declaration, node);
      for (const { local: from, exported } of node.specifiers) {
        if (node.source !== null) take(exportsOf(resolved(file, node.source.value)).get(from.name), exported.name);
        else if (local.has(from.name)) take(local.get(from.name), exported.name);
        else {
          const { file: other, name } = imported.get(from.name);
          take(exportsOf(resolved(file, other)).get(name), exported.name);
        }
      }
    }
  }
  return found;
}

/** The text of a docstring: without its stars. */
function docText(comment) {
  return comment
    .slice(1)
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trimEnd())
    .join("\n")
    .trim();
}

/** A docstring as Markdown: its tags become paragraphs, its examples code. */
function markdownOf(doc) {
  const [text = "", ...tags] = doc.split(/^(?=@\w)/m);
  const plain = (part) => part.replaceAll(/\{@link ([^}]+)\}/g, "`$1`").trim();
  const parts = [plain(text)];
  for (const tag of tags) {
    const [, name = "", rest = ""] = /^@(\w+)\s*([\s\S]*)$/.exec(tag) ?? [];
    if (name === "example") parts.push(`\`\`\`ts\n${rest.trim()}\n\`\`\``);
    else if (name === "param") parts.push(`- ${plain(rest).replace(/^(\S+)/, "`$1`:")}`);
    else parts.push(`**${name.charAt(0).toUpperCase()}${name.slice(1)}:** ${plain(rest)}`);
  }
  return parts.filter((part) => part !== "").join("\n\n");
}

const { name: packageName, exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const paths = Object.entries(exports)
  .filter(([, file]) => typeof file === "string" && file.endsWith(".js"))
  .map(([path, file]) => {
    const declarations = resolve(root, file.replace(/\.js$/, ".d.ts"));
    const all = [...exportsOf(declarations).values()].flat();
    return { path: path.replace(/^\./, packageName), entries: all.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
  });

if (process.argv.includes("--json")) console.log(JSON.stringify(paths));
else {
  const folder = resolve(process.argv[2] ?? join(root, "docs/api"));
  mkdirSync(folder, { recursive: true });
  const fileOf = (path) => `${path.replaceAll("/", "-")}.md`;
  for (const { path, entries } of paths) {
    const sections = entries.map(
      ({ name, kind, code, doc, file }) =>
        `## ${name}\n\n${kind}${file === "" ? "" : ` · \`${file.replace(/\.d\.ts$/, ".ts")}\``}\n\n${markdownOf(doc)}\n\n\`\`\`ts\n${code}\n\`\`\`\n`,
    );
    writeFileSync(join(folder, fileOf(path)), `# ${path}\n\n${sections.join("\n")}`);
  }
  const rows = paths.map(({ path, entries }) => `- [${path}](${fileOf(path)}): ${entries.length} exports`);
  writeFileSync(
    join(folder, "README.md"),
    `# API\n\nMade from docstrings by \`npm run docs\`.\n\n${rows.join("\n")}\n`,
  );
  console.log(`${paths.length} pages in ${relative(process.cwd(), folder)}`);
}
