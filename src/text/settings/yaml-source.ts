import * as YAML from "yaml";
import { NuwaError, type NuwaErrorCode } from "../errors.ts";

type Path = readonly (string | number)[];

/** A YAML file's text with the line of every key and value: what makes `recipe.yaml:12` possible. */
export class YamlSource {
  readonly file: string;
  readonly #document: YAML.Document.Parsed;
  readonly #lines: YAML.LineCounter;

  /** @throws NuwaError VALUE where the text is not YAML, or is YAML but not a mapping. */
  constructor(file: string, text: string) {
    this.file = file;
    this.#lines = new YAML.LineCounter();
    this.#document = YAML.parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, merge: true });
    // One slip makes the parser stumble several times over; the first is the one to mend.
    throwAll(
      this.#document.errors.slice(0, 1).map((error) => ({
        where: `${file}:${this.#lines.linePos(error.pos[0]).line}`,
        message: `not valid YAML: ${plainYamlMessage(error)}`,
        hint: error.code === "TAB_AS_INDENT" ? "indent with spaces" : undefined,
      })),
      file,
    );
    const top = this.#document.contents;
    if (top !== null && !YAML.isMap(top)) {
      throw new NuwaError("VALUE", "expected a mapping of keys to values (name: …)", {
        where: `${file}:1`,
      });
    }
  }

  /** The values as plain data; an empty file is an empty mapping. */
  value(): Record<string, unknown> {
    try {
      // Aliases are bounded so that a few lines of YAML cannot grow into gigabytes.
      return (this.#document.toJS({ maxAliasCount: 100 }) as Record<string, unknown> | null) ?? {};
    } catch (cause) {
      throw new NuwaError("VALUE", `not valid YAML: ${(cause as Error).message}`, { where: this.file, cause });
    }
  }

  /** `file:line` of the deepest part of a path that stands in the file. */
  where(keyPath: Path, atKey = false): string {
    let node: unknown = this.#document.contents;
    let offset = 0;
    for (const [depth, key] of keyPath.entries()) {
      if (YAML.isAlias(node)) node = node.resolve(this.#document);
      if (YAML.isMap(node)) {
        const pair = node.items.find((item) => YAML.isScalar(item.key) && String(item.key.value) === String(key));
        if (pair === undefined) break;
        const keyOffset = startOf(pair.key) ?? offset;
        const isLast = depth === keyPath.length - 1;
        // The value of a mapping begins on the line after its key: the key's line is what the reader looks for.
        offset = (isLast && atKey) || !YAML.isScalar(pair.value) ? keyOffset : (startOf(pair.value) ?? keyOffset);
        node = pair.value;
      } else if (YAML.isSeq(node) && typeof key === "number") {
        const item: unknown = node.items[key];
        if (item === undefined) break;
        offset = startOf(item) ?? offset;
        node = item;
      } else {
        break;
      }
    }
    return `${this.file}:${this.#lines.linePos(offset).line}`;
  }
}

function startOf(node: unknown): number | undefined {
  return YAML.isNode(node) ? node.range?.[0] : undefined;
}

function plainYamlMessage(error: YAML.YAMLParseError): string {
  return error.message.replace(/\s+/g, " ").trim();
}

interface Line {
  readonly where: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** One NuwaError for any number of mistakes: a single one keeps its place and hint, several become a line each. */
export function throwAll(lines: readonly Line[], file: string, code: NuwaErrorCode = "VALUE"): void {
  const [first] = lines;
  if (first === undefined) return;
  if (lines.length === 1) throw new NuwaError(code, first.message, { where: first.where, hint: first.hint });
  const all = lines.map(
    ({ where, message, hint }) => `  ${where}: ${message}${hint === undefined ? "" : ` (${hint})`}`,
  );
  throw new NuwaError(code, `${lines.length} mistakes in ${file}:\n${all.join("\n")}`);
}
