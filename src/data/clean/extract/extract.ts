import type { Document, JsonValue } from "../../../text/document.ts";
import { countCharacters } from "../../../text/script.ts";
import type { DocumentMapper, Verdict } from "../../stage.ts";
import { extractHtml } from "./html/extract-html.ts";
import { extractMarkdown } from "./markdown.ts";
import type { ExtractSettings } from "./settings.ts";

/**
 * The extract stage: HTML (`meta.format` is `html`) to its main text, Markdown to plain text, everything else as it is.
 * Title, date and language go into `meta` where the page tells them; a page without text is dropped under the rule
 * `extract.min_chars`.
 */
export function createExtract(settings: ExtractSettings): DocumentMapper {
  return {
    name: "extract",
    map(document) {
      switch (document.meta["format"]) {
        case "html": {
          const { text, title, date, lang } = extractHtml(document.text, settings);
          return verdict(document, withTitle(text, title, settings), { title, date, lang }, settings);
        }
        case "markdown": {
          if (!settings.markdown) return { keep: document };
          const { text, title } = extractMarkdown(document.text, settings);
          return verdict(document, text, { title }, settings);
        }
        default:
          return { keep: document };
      }
    },
  };
}

function withTitle(text: string, title: string | undefined, settings: ExtractSettings): string {
  return !settings.title || title === undefined || text === "" || text.startsWith(title) ? text : `${title}\n\n${text}`;
}

function verdict(
  document: Document,
  text: string,
  found: { [key: string]: string | undefined },
  settings: ExtractSettings,
): Verdict {
  const characters = countCharacters(text);
  if (text === "" || characters < settings.min_chars) {
    return { drop: { rule: "extract.min_chars", value: characters, threshold: settings.min_chars } };
  }
  const known = Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== undefined);
  // What the recipe or the record says goes before what the page says of itself.
  const meta: { [key: string]: JsonValue } = { ...Object.fromEntries(known), ...document.meta, format: "text" };
  return { keep: { ...document, text, meta } };
}
