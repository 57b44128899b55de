import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { didYouMean, NuwaError } from "../../text/index.ts";
import type { Fields } from "./document.ts";

/** What a template may call beside Jinja's own filters and tests. */
const functions: Readonly<Record<string, (...values: never[]) => unknown>> = {
  /** Position of an item in a list, or of a piece in a text; -1 where it is not. */
  index: (list: readonly unknown[] | string, item: unknown) =>
    typeof list === "string" ? list.indexOf(String(item)) : list.map(plain).indexOf(item),
  /** As `re.sub` of Python: every match is replaced. */
  regex_replace: (text: string, pattern: string, replacement: string) =>
    text.replaceAll(new RegExp(pattern, "gu"), replacement),
};

const constants = { true: true, false: false, none: null, True: true, False: false, None: null } as const;

/**
 * A Jinja template over the fields of a record. Unlike a chat template it is strict: a name that the record does not
 * have is an error with the record's `file:line`, and no white space is trimmed around blocks.
 *
 * @example
 * new PromptTemplate("Question: {{goal}}\nAnswer:", "piqa.yaml:4").text({ goal: "?" }, "valid.jsonl:1");
 */
export class PromptTemplate {
  readonly #source: string;
  readonly #program: ReturnType<typeof parse>;
  /** Names that may be missing: the template asks `is defined`, or has a default for them. */
  readonly #optional = new Set<string>();

  /** @throws NuwaError VALUE at `where` for a template that is not Jinja */
  constructor(source: string, where: string) {
    this.#source = source;
    try {
      // The parser drops one line break at the end, as Jinja does by default; in a prompt it counts.
      this.#program = parse(tokenize(source.endsWith("\n") ? `${source}\n` : source));
    } catch (cause) {
      throw new NuwaError("VALUE", `not a Jinja template: ${reason(cause)}`, { where, cause });
    }
    collectOptional(this.#program, this.#optional);
  }

  /** The text for one record. @throws NuwaError DATA at the record's place */
  text(fields: Fields, where: string): string {
    if (Object.hasOwn(fields, this.#source)) return String(fields[this.#source]);
    const result: unknown = this.#run(fields, where, (interpreter, environment) =>
      interpreter.evaluate(this.#program, environment),
    );
    return String(result);
  }

  /**
   * The value for one record: of a template that is one expression (`{{ [a, b] }}`) its value as it is, of the name of
   * a field that field, else the text.
   */
  value(fields: Fields, where: string): unknown {
    if (Object.hasOwn(fields, this.#source)) return fields[this.#source];
    const [only, ...others] = this.#program.body;
    if (only === undefined || others.length > 0 || isBlock(only)) return this.text(fields, where);
    const value = this.#run(fields, where, (interpreter, environment) => interpreter.evaluate(only, environment));
    if (value !== undefined) return value;
    throw new NuwaError("DATA", `the template ${this.#source} gives nothing for this record`, { where });
  }

  #run(
    fields: Fields,
    where: string,
    work: (interpreter: Interpreter, environment: Environment) => { readonly value: unknown },
  ): unknown {
    const environment = new Environment();
    const variables = new Variables();
    environment.variables = variables;
    for (const [name, value] of Object.entries({ ...constants, ...functions, range, ...fields })) {
      // Only what the template can name: turning a whole record into its values takes longer than the template.
      if (this.#source.includes(name)) environment.set(name, value);
    }
    variables.missing.clear();
    const check = (): void => {
      const name = [...variables.missing].find((one) => !this.#optional.has(one));
      if (name === undefined) return;
      const hint = didYouMean(name, Object.keys(fields));
      throw new NuwaError("DATA", `the record has no field "${name}"`, { where, hint });
    };
    try {
      const value = plain(work(new Interpreter(environment), environment));
      check();
      return value;
    } catch (cause) {
      if (cause instanceof NuwaError) throw cause;
      // What is missing explains better what failed than what came of it.
      check();
      throw new NuwaError("DATA", `the template ${this.#source} failed: ${reason(cause)}`, { where, cause });
    }
  }
}

function range(from: number, to?: number): number[] {
  const [first, end] = to === undefined ? [0, from] : [from, to];
  return Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i);
}

const isBlock = (node: { readonly type: string }) =>
  ["Text", "StringLiteral", "If", "For", "Set", "Macro", "Comment", "CallStatement", "FilterStatement"].includes(
    node.type,
  );

/** A value of the interpreter as plain data. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("value" in value)) return value;
  const inner: unknown = value.value;
  if (Array.isArray(inner)) return inner.map(plain);
  if (inner instanceof Map) return Object.fromEntries([...inner].map(([key, item]) => [String(key), plain(item)]));
  return inner;
}

/** The variables of a template, which remember what was looked up and is not there. */
class Variables extends Map<string, ReturnType<Environment["lookupVariable"]>> {
  readonly missing = new Set<string>();

  override has(name: string): boolean {
    const found = super.has(name);
    if (!found) this.missing.add(name);
    return found;
  }
}

/** Names in `x is defined`, `x is undefined` and `x | default(…)`. */
function collectOptional(node: unknown, optional: Set<string>): void {
  if (typeof node !== "object" || node === null) return;
  const of = (key: string): unknown => Reflect.get(node, key);
  const type = of("type");
  if (type === "TestExpression" && ["defined", "undefined"].includes(nameIn(of("test"))))
    optional.add(nameIn(of("operand")));
  if (type === "FilterExpression" && nameIn(of("filter")) === "default") optional.add(nameIn(of("operand")));
  for (const child of Object.values(node)) collectOptional(child, optional);
}

/** The name of an identifier, or of what a call calls. */
function nameIn(node: unknown): string {
  if (typeof node !== "object" || node === null) return "";
  return Reflect.get(node, "type") === "CallExpression"
    ? nameIn(Reflect.get(node, "callee"))
    : String(Reflect.get(node, "value") ?? "");
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
