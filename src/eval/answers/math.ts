/**
 * Whether two written results are the same, by the rules with which MATH (Hendrycks et al. 2021) and AGIEval (Zhong et
 * al. 2023) compare LaTeX: the boxed or last expression of each, its spelling made uniform, compared as text.
 */
export function mathEqual(said: string, wanted: string): boolean {
  const [a, b] = [mathAnswer(said), mathAnswer(wanted)];
  if (a === undefined || b === undefined) return a === b;
  return uniform(a) === uniform(b);
}

/** The result in a solution: in `\boxed{}`, else the last between dollar signs, else after `=`, else the last number. */
export function mathAnswer(text: string): string | undefined {
  if (text.includes("\\boxed")) {
    const boxed = lastBoxed(text);
    return boxed === undefined ? undefined : afterEquals(boxed);
  }
  const dollars = [...text.matchAll(/\$(.*)\$/g)].at(-1)?.[1];
  if (dollars !== undefined && dollars !== "") return afterEquals(dollars);
  if (text.includes("=")) {
    return afterEquals(text).replace(/\.+$/, "").split("\\n")[0];
  }
  return [...text.matchAll(/\$?\d+(?:\.\d+)?(?!\w)/g)].at(-1)?.[0];
}

const afterEquals = (text: string) => (text.includes("=") ? (text.split("=").at(-1) ?? "").replace(/^ +/, "") : text);

/** What the braces of the last `\boxed{…}` hold. */
function lastBoxed(text: string): string | undefined {
  const start = text.lastIndexOf("\\boxed");
  const opening = "\\boxed{";
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    if (text[i] === "{") depth++;
    if (text[i] === "}" && --depth === 0) {
      return text.startsWith(opening, start) ? text.slice(start + opening.length, i) : undefined;
    }
  }
  return undefined;
}

/** One spelling for what LaTeX can write in several ways. */
function uniform(text: string): string {
  let out = text
    .replaceAll("\n", "")
    .replaceAll("\\!", "")
    .replaceAll("\\\\", "\\")
    .replaceAll("tfrac", "frac")
    .replaceAll("dfrac", "frac")
    .replaceAll("\\left", "")
    .replaceAll("\\right", "")
    .replaceAll("^{\\circ}", "")
    .replaceAll("^\\circ", "")
    .replaceAll("\\$", "");
  const units = out.split("\\text{ ");
  // More than one unit: the reference gives up here and compares the texts as they are.
  if (units.length > 2) return text;
  out = (units[0] ?? "").replaceAll("\\%", "").replaceAll(" .", " 0.").replaceAll("{.", "{0.");
  if (out === "") return out;
  if (out.startsWith(".")) out = `0${out}`;
  const sides = out.split("=");
  if (sides.length === 2 && (sides[0] ?? "").length <= 2) out = sides[1] ?? "";
  out = bracedRoots(out).replaceAll(" ", "");
  out = bracedFractions(out);
  if (out === "0.5") out = "\\frac{1}{2}";
  const slash = /^(-?(?:0|[1-9]\d*))\/(-?(?:0|[1-9]\d*))$/.exec(out);
  return slash === null ? out : `\\frac{${slash[1]}}{${slash[2]}}`;
}

/** `\sqrt3` as `\sqrt{3}`. */
const bracedRoots = (text: string) => text.replaceAll(/\\sqrt([^{])/gu, "\\sqrt{$1}");

/** `\frac12`, `\frac1{2}` as `\frac{1}{2}`; a fraction without two parts leaves the text as it is. */
function bracedFractions(text: string): string {
  const [head = "", ...parts] = text.split("\\frac");
  let out = head;
  for (const part of parts) {
    if (part.startsWith("{")) {
      out += `\\frac${part}`;
      continue;
    }
    const [numerator = "", denominator, ...rest] = part;
    if (denominator === undefined) return text;
    out += `\\frac{${numerator}}${denominator === "{" ? "{" : `{${denominator}}`}${rest.join("")}`;
  }
  return out;
}
