import { characterProperty, posixClasses, WORD, type CharacterSet, type PatternDialect } from "./pattern-classes.ts";

/**
 * A split pattern as a JavaScript regular expression (flags `gu`, or `gv` for sets in sets) that matches the same. Character classes keep the
 * meaning that the dialect gives them (`\s` is White_Space, `$` in Oniguruma ends a line), nested ones become
 * JavaScript's, and what may not be given back (`a++`, `(?>a)`) is written as a lookahead whose match is taken whole:
 * `(?=(?<n>a+))\k<n>`. What JavaScript has no like of is refused by name.
 *
 * @throws SyntaxError naming what is malformed or not supported
 * @example toJavaScriptRegex("\\p{Han}++|[a-z&&[^aeiou]]") // /(?:(?=(?<a0>\p{Script=Han}+))\k<a0>)|[[a-z]&&[[^aeiou]]]/gv
 */
export function toJavaScriptRegex(pattern: string, dialect: PatternDialect = "oniguruma"): RegExp {
  const translator = new Translator(pattern, dialect);
  const source = translator.translate();
  return new RegExp(source, translator.hasNestedSets ? "gv" : "gu");
}

/** What quantifiers need to know of the part that they follow. */
interface Atom {
  readonly source: string;
  /** Takes no characters: neither dialect lets it be repeated. */
  readonly isAssertion?: boolean;
}

interface Options {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
  readonly lookbehind: boolean;
}

const escapes: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, a: 7, e: 27 };
/** Two letters that Unicode folds together with one other character: `(?i:ss)` matches "ß". */
const FOLDED_PAIR = /ss|ff|fi|fl|st/i;
/** Outside of brackets `\w` has superscripts and fractions of Latin-1 too, a quirk of Oniguruma's. */
const BARE_WORD = `${WORD}\\u{b2}\\u{b3}\\u{b9}\\u{bc}-\\u{be}`;
const RUST_WORD = `${WORD}\\p{Join_Control}`;

class Translator {
  readonly #text: string;
  readonly #dialect: PatternDialect;
  #at = 0;
  #atomics = 0;
  /** Whether only the flag `v` reads the translation. */
  hasNestedSets = false;

  constructor(text: string, dialect: PatternDialect) {
    this.#text = text;
    this.#dialect = dialect;
  }

  translate(): string {
    const source = this.#alternatives({ ignoreCase: false, dotAll: false, lookbehind: false });
    if (this.#at < this.#text.length) throw this.#fault("unmatched )");
    return source;
  }

  #fault(message: string): SyntaxError {
    return new SyntaxError(`${message} at ${this.#at} of /${this.#text}/`);
  }

  #unsupported(name: string): SyntaxError {
    return this.#fault(`${name} is not supported`);
  }

  #startsWith(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  #accept(text: string): boolean {
    if (!this.#startsWith(text)) return false;
    this.#at += text.length;
    return true;
  }

  /** The next character. */
  #next(): string {
    const codePoint = this.#text.codePointAt(this.#at);
    if (codePoint === undefined) throw this.#fault("unexpected end");
    const character = String.fromCodePoint(codePoint);
    this.#at += character.length;
    return character;
  }

  /** Up to the closing parenthesis of the group, or the end. */
  #alternatives(options: Options): string {
    const parts: string[] = [];
    let current = "";
    let run = "";
    let isStart = true;
    for (;;) {
      if (this.#at >= this.#text.length || this.#startsWith(")")) break;
      if (this.#accept("|")) {
        parts.push(current);
        current = "";
        run = "";
        isStart = false;
        continue;
      }
      if (this.#accept("(?#")) {
        while (this.#next() !== ")");
        continue;
      }
      const isolated = /^\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?\)/.exec(this.#text.slice(this.#at));
      if (isolated !== null) {
        // In the middle the dialects differ in how far it reaches.
        if (!isStart || current !== "") throw this.#unsupported("an option in the middle of a group");
        options = this.#withOptions(options, isolated[1] ?? "", isolated[2] ?? "");
        this.#at += isolated[0].length;
        continue;
      }
      const from = this.#at;
      const atom = this.#quantified(this.#atom(options), options);
      if (options.ignoreCase) {
        // A letter after a letter.
        const literal = this.#text.slice(from, this.#at);
        run = /^[A-Za-z]$/.test(literal) ? run + literal : "";
        if (FOLDED_PAIR.test(run.slice(-2))) throw this.#unsupported(`"${run.slice(-2)}" without regard to case`);
      }
      current += atom;
    }
    parts.push(current);
    return parts.join("|");
  }

  #withOptions(options: Options, enabled: string, disabled: string): Options {
    let { ignoreCase, dotAll } = options;
    const dot = this.#dialect === "oniguruma" ? "m" : "s";
    for (const [letters, value] of [
      [enabled, true],
      [disabled, false],
    ] as const) {
      for (const letter of letters) {
        if (letter === "i") ignoreCase = value;
        else if (letter === dot) dotAll = value;
        else throw this.#unsupported(`the option ${letter}`);
      }
    }
    return { ...options, ignoreCase, dotAll };
  }

  #atom(options: Options): Atom {
    if (this.#startsWith("(")) return this.#group(options);
    if (this.#startsWith("[")) return { source: this.#class(options) };
    if (this.#accept(".")) return { source: options.dotAll ? "[\\s\\S]" : "[^\\n]" };
    if (this.#accept("^")) {
      return { source: this.#dialect === "oniguruma" ? "(?:^|(?<=\\n)(?!$))" : "^", isAssertion: true };
    }
    if (this.#accept("$")) {
      return { source: this.#dialect === "oniguruma" ? "(?=\\n|$)" : "$", isAssertion: true };
    }
    if (this.#startsWith("\\")) return this.#escape(options);
    if (/^[*+?]/.test(this.#text.slice(this.#at, this.#at + 1))) throw this.#fault("nothing to repeat");
    return { source: this.#literal(this.#next(), options) };
  }

  #group(options: Options): Atom {
    this.#at++;
    const close = (source: string): string => {
      if (!this.#accept(")")) throw this.#fault("unterminated group");
      return source;
    };
    for (const [open, behind] of [
      ["?=", false],
      ["?!", false],
      ["?<=", true],
      ["?<!", true],
    ] as const) {
      if (!this.#accept(open)) continue;
      const inner = this.#alternatives({ ...options, lookbehind: behind || options.lookbehind });
      return { source: close(`(${open}${inner})`), isAssertion: true };
    }
    if (this.#accept("?>")) return { source: this.#atomic(close(this.#alternatives(options)), options) };
    const plain = /^\?(?:([a-zA-Z]*)(?:-([a-zA-Z]*))?:|P?<[A-Za-z_]\w*>)/.exec(this.#text.slice(this.#at));
    if (plain !== null) {
      this.#at += plain[0].length;
      return { source: close(`(?:${this.#alternatives(this.#withOptions(options, plain[1] ?? "", plain[2] ?? ""))})`) };
    }
    if (this.#startsWith("?") || this.#startsWith("*")) {
      throw this.#unsupported(`(${this.#text.slice(this.#at, this.#at + 2)}`);
    }
    return { source: close(`(?:${this.#alternatives(options)})`) };
  }

  /** What has matched is not given back. */
  #atomic(source: string, options: Options): string {
    // JavaScript reads lookbehinds from their end: the name would be read before it is set.
    if (options.lookbehind) throw this.#unsupported("an atomic group or possessive quantifier in a lookbehind");
    const name = `a${this.#atomics++}`;
    return `(?:(?=(?<${name}>${source}))\\k<${name}>)`;
  }

  #quantified(atom: Atom, options: Options): string {
    let { source } = atom;
    let isPlain = true;
    for (;;) {
      const match = /^(?:[*+?]|\{(?:\d+(?:,\d*)?|,\d+)\})/.exec(this.#text.slice(this.#at));
      if (match === null) return source;
      if (atom.isAssertion === true) throw this.#unsupported("a quantifier after what takes no characters");
      let quantifier = match[0];
      this.#at += quantifier.length;
      const isSymbol = !quantifier.startsWith("{");
      const isExact = /^\{\d+\}$/.test(quantifier);
      const bounds = /^\{(\d*),?(\d*)\}$/.exec(quantifier);
      if (bounds !== null && Number(bounds[1]) > Number(bounds[2] || Infinity)) throw this.#unsupported(quantifier);
      quantifier = quantifier.replace("{,", "{0,");
      const inner = isPlain ? source : `(?:${source})`;
      isPlain = false;
      // In Oniguruma {2}? is optional, not lazy, and {1,2}+ is repeated, not possessive.
      if (!(isExact && this.#dialect === "oniguruma") && this.#accept("?")) source = `${inner}${quantifier}?`;
      else if ((isSymbol || this.#dialect === "rust") && this.#accept("+")) {
        source = this.#atomic(`${inner}${quantifier}`, options);
      } else source = `${inner}${quantifier}`;
    }
  }

  #escape(options: Options): Atom {
    const rest = this.#text.slice(this.#at);
    if (this.#accept("\\A")) return { source: "^", isAssertion: true };
    if (this.#accept("\\z")) return { source: "$", isAssertion: true };
    if (this.#dialect === "oniguruma" && this.#accept("\\Z")) return { source: "(?=\\n?$)", isAssertion: true };
    if (/^\\[bB]/.test(rest)) {
      this.#at += 2;
      const word = `[${this.#dialect === "oniguruma" ? BARE_WORD : RUST_WORD}]`;
      const both = `(?<=${word})(?!${word})|(?<!${word})(?=${word})`;
      return { source: rest.startsWith("\\b") ? `(?:${both})` : `(?!${both})`, isAssertion: true };
    }
    if (this.#dialect === "oniguruma" && this.#accept("\\R")) {
      return { source: this.#atomic("\\r\\n|[\\n-\\r\\u{85}\\u{2028}\\u{2029}]", options) };
    }
    const set = this.#classEscape(options, false);
    if (set !== undefined) return { source: `[${set.isNegated ? "^" : ""}${set.body}]` };
    return { source: this.#literal(this.#escapedCharacter(), options) };
  }

  /** `\s`, `\p{…}` and their like, as a class of JavaScript; undefined where the escape is of one character. */
  #classEscape(options: Options, isInClass: boolean): CharacterSet | undefined {
    const letter = this.#text.charAt(this.#at + 1);
    const isOniguruma = this.#dialect === "oniguruma";
    const bodies: Readonly<Record<string, string>> = {
      s: "\\p{White_Space}",
      d: "\\p{Nd}",
      w: !isOniguruma ? RUST_WORD : isInClass ? WORD : BARE_WORD,
      ...(isOniguruma ? { h: "0-9A-Fa-f" } : {}),
    };
    const body = bodies[letter.toLowerCase()];
    if (body !== undefined) {
      this.#at += 2;
      return { body, isNegated: letter !== letter.toLowerCase() };
    }
    if (isOniguruma && !isInClass && (letter === "N" || letter === "O")) {
      this.#at += 2;
      return letter === "N" ? { body: "\\n", isNegated: true } : { body: "\\s\\S", isNegated: false };
    }
    if (letter !== "p" && letter !== "P") return undefined;
    const match = /^\\[pP](?:\{(\^?)([^}]*)\}|([A-Z]))/.exec(this.#text.slice(this.#at));
    if (match === null || (match[3] !== undefined && this.#dialect === "oniguruma")) {
      throw this.#unsupported(`\\${letter} without braces`);
    }
    const name = match[2] ?? match[3] ?? "";
    const property = characterProperty(name, this.#dialect);
    if (property === undefined) throw this.#unsupported(`the property ${name}`);
    // Case folding adds letters to such a class, and each engine adds others.
    if (options.ignoreCase) throw this.#unsupported(`\\${letter}{${name}} without regard to case`);
    this.#at += match[0].length;
    const isNegated = (letter === "P") !== (match[1] === "^");
    return { body: property.body, isNegated: isNegated !== property.isNegated };
  }

  /** The character that an escape stands for. */
  #escapedCharacter(): string {
    this.#at++;
    const rest = this.#text.slice(this.#at);
    const hex = /^(?:x\{([0-9A-Fa-f]{1,6})\}|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\})/.exec(rest);
    if (hex !== null) {
      const isRustOnly = hex[4] !== undefined;
      // Two hex digits are a byte to Oniguruma, which above ASCII is no character.
      const codePoint = Number.parseInt(hex[1] ?? hex[2] ?? hex[3] ?? hex[4] ?? "", 16);
      const isByte = hex[2] !== undefined && codePoint > 0x7f;
      if (this.#dialect === "oniguruma" && (isRustOnly || isByte)) throw this.#unsupported(`\\${hex[0]}`);
      if (codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint <= 0xdfff)) {
        throw this.#fault(`\\${hex[0]} is no character`);
      }
      this.#at += hex[0].length;
      return String.fromCodePoint(codePoint);
    }
    const character = this.#next();
    const control = escapes[character];
    if (control !== undefined && !(character === "e" && this.#dialect === "rust")) return String.fromCodePoint(control);
    if (/[A-Za-z0-9]/.test(character)) {
      this.#at -= 2;
      throw this.#unsupported(`\\${character}`);
    }
    return character;
  }

  /** One character, in both cases where case does not count. */
  #literal(character: string, options: Options): string {
    if (!options.ignoreCase) return literal(character);
    const cases = this.#bothCases(character);
    return cases.length === 1 ? literal(character) : `[${cases.map(literal).join("")}]`;
  }

  /** ASCII letters with their other case, `s` with U+017F and `k` with U+212A, as Unicode folds them. */
  #bothCases(character: string): string[] {
    const lower = character.toLowerCase();
    if (/^[a-z]$/.test(lower)) {
      return [lower, lower.toUpperCase(), ...(lower === "s" ? ["\u017f"] : lower === "k" ? ["\u212a"] : [])];
    }
    if (
      character > "\u007f" &&
      /[\p{Changes_When_Casefolded}\p{Changes_When_Casemapped}\p{M}\u02bc\u02be]/u.test(character)
    ) {
      throw this.#unsupported(`"${character}" without regard to case`);
    }
    return [character];
  }

  /** `[…]`, sets within sets and `&&` included. */
  #class(options: Options): string {
    this.#at++;
    const isNegated = this.#accept("^");
    const operands: string[] = [];
    let current = "";
    let isFirst = true;
    for (; ; isFirst = false) {
      if (this.#at >= this.#text.length) throw this.#fault("unterminated character class");
      if (!isFirst && this.#accept("]")) break;
      if (this.#accept("&&")) {
        operands.push(current);
        current = "";
        continue;
      }
      if (this.#dialect === "rust" && /^(?:--|~~)/.test(this.#text.slice(this.#at))) {
        throw this.#unsupported(this.#text.slice(this.#at, this.#at + 2));
      }
      current += this.#classItem(options, isFirst);
    }
    operands.push(current);
    if (operands.length > 1) this.hasNestedSets = true;
    const body = operands.length === 1 ? current : operands.map((operand) => `[${operand}]`).join("&&");
    return `[${isNegated ? "^" : ""}${body}]`;
  }

  /** A set within a class. */
  #inner(set: CharacterSet): string {
    if (!set.isNegated) return set.body;
    if (/^\\p\{[^}]*\}$/.test(set.body)) return set.body.replace("p", "P");
    this.hasNestedSets = true;
    return `[^${set.body}]`;
  }

  #classItem(options: Options, isFirst: boolean): string {
    const posix = /^\[:(\^?)(\w+):\]/.exec(this.#text.slice(this.#at));
    if (posix !== null) {
      const set = posixClasses[posix[2] ?? ""];
      if (set === undefined || this.#dialect === "rust") throw this.#unsupported(posix[0]);
      if (options.ignoreCase) throw this.#unsupported(`${posix[0]} without regard to case`);
      this.#at += posix[0].length;
      return this.#inner({ body: set.body, isNegated: (posix[1] === "^") !== set.isNegated });
    }
    if (this.#startsWith("[")) {
      this.hasNestedSets = true;
      return this.#class(options);
    }
    if (this.#startsWith("\\")) {
      const set = this.#classEscape(options, true);
      if (set !== undefined) {
        if (this.#startsWith("-") && !this.#startsWith("-]")) throw this.#fault("a range from a class");
        return this.#inner(set);
      }
    }
    const first = this.#classCharacter();
    // A hyphen at the end stands for itself, and one that begins the class too.
    if (!this.#startsWith("-") || this.#startsWith("-]") || (first === "-" && isFirst)) {
      return this.#literals(first, first, options);
    }
    if (this.#startsWith("-&&") || this.#startsWith("-[")) throw this.#unsupported("a hyphen before a set");
    this.#at++;
    const last = this.#classCharacter();
    if ((first.codePointAt(0) ?? 0) > (last.codePointAt(0) ?? 0)) throw this.#fault(`the range ${first}-${last}`);
    return this.#literals(first, last, options);
  }

  #classCharacter(): string {
    if (!this.#startsWith("\\")) return this.#next();
    if (this.#accept("\\b")) return "\b";
    if (/^\\[sSdDwWhHpP]/.test(this.#text.slice(this.#at))) throw this.#fault("a range to a class");
    return this.#escapedCharacter();
  }

  #literals(first: string, last: string, options: Options): string {
    const range = first === last ? literal(first) : `${literal(first)}-${literal(last)}`;
    if (!options.ignoreCase) return range;
    if (first === last) return this.#bothCases(first).map(literal).join("");
    if (last > "\u007f") throw this.#unsupported(`the range ${first}-${last} without regard to case`);
    let all = range;
    for (let code = first.charCodeAt(0); code <= last.charCodeAt(0); code++) {
      all += this.#bothCases(String.fromCharCode(code)).map(literal).join("");
    }
    return all;
  }
}

/** A character that stands for itself, inside of classes and out. */
function literal(character: string): string {
  return /^[A-Za-z0-9 _]$/.test(character) ? character : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
