import { decodeHTMLStrict } from "entities";

/**
 * Decodes HTML entities that were left over in a text (`&amp;`, `&nbsp;`, `&#8217;`, `&amp;quot;`), twice at the most.
 * Only whole ones, ended by a semicolon; those in code (between backticks, or between fences) are left alone, because
 * there they are what the text speaks of.
 *
 * @returns the text, and how many were decoded
 * @example decodeEntities("Tom &amp;amp; Jerry") // { text: "Tom & Jerry", count: 2 }
 */
export function decodeEntities(text: string): { text: string; count: number } {
  if (!ENTITY.test(text)) return { text, count: 0 };
  let count = 0;
  const decode = (part: string): string =>
    part.replace(ENTITIES, (entity) => {
      const character = decodeHTMLStrict(entity);
      if (character === entity) return entity;
      count++;
      return character;
    });
  let out = "";
  let last = 0;
  for (const code of text.matchAll(CODE)) {
    out += decode(decode(text.slice(last, code.index))) + code[0];
    last = code.index + code[0].length;
  }
  out += decode(decode(text.slice(last)));
  return { text: out, count };
}

const ENTITY = /&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[A-Za-z][A-Za-z\d]{1,30});/;
const ENTITIES = new RegExp(ENTITY, "g");
// A fenced block, or a span between single backticks on one line.
const CODE = /^(```+|~~~+)[^\n]*\n[\s\S]*?^\1|`[^`\n]+`/gm;
