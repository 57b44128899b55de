import { lexer } from "marked";
import type { Token, Tokens } from "marked";
import { decodeHTML } from "entities";
import { renderBlocks } from "./blocks.ts";
import type { Block } from "./blocks.ts";

/** The text of a Markdown document. */
export interface ExtractedMarkdown {
  readonly text: string;
  /** The first heading of the first level, or the front matter's title. */
  readonly title?: string;
}

/**
 * Markdown as plain text: headings, lists, tables and code stay; links become their text; pictures, badges, comments,
 * HTML tags and front matter go. A text that the parser cannot read is given back as it is.
 */
export function extractMarkdown(markdown: string, options: { tables: boolean; code: boolean }): ExtractedMarkdown {
  const { body, title: declared } = splitFrontMatter(markdown.replace(/^\ufeff/, ""));
  let tokens: Token[];
  try {
    tokens = lexer(body);
  } catch {
    return { text: body, ...(declared === undefined ? {} : { title: declared }) };
  }
  const blocks: Block[] = [];
  let title = declared;
  for (const token of tokens) {
    if (token.type === "heading" && title === undefined) title = inlineText(token.tokens ?? []) || undefined;
    addBlocks(token, blocks, 0, options);
  }
  return { text: renderBlocks(blocks), ...(title === undefined ? {} : { title }) };
}

/** YAML (`---`) or TOML (`+++`) before the text. */
function splitFrontMatter(markdown: string): { body: string; title: string | undefined } {
  const match = /^(---|\+\+\+)[ \t]*\r?\n([\s\S]*?)\r?\n\1[ \t]*(?:\r?\n|$)/.exec(markdown);
  // A rule at the beginning of a text is no front matter: that has keys.
  if (match === null || !/^\w[\w-]*\s*[:=]/m.test(match[2] ?? "")) return { body: markdown, title: undefined };
  const title = /^title\s*[:=]\s*["']?(.+?)["']?\s*$/m.exec(match[2] ?? "")?.[1];
  return { body: markdown.slice(match[0].length), title };
}

/** Lists within lists deeper than this are read as text. */
const MAX_DEPTH = 50;

function addBlocks(token: Token, blocks: Block[], depth: number, options: { tables: boolean; code: boolean }): void {
  switch (token.type) {
    case "heading":
      blocks.push({ kind: "heading", text: inlineText(token.tokens ?? []) });
      break;
    case "paragraph":
    case "text":
      blocks.push({
        kind: "paragraph",
        text: token.tokens === undefined ? plain(token.raw) : inlineText(token.tokens),
      });
      break;
    case "code":
      if (options.code) blocks.push({ kind: "code", text: (token as Tokens.Code).text });
      break;
    case "list": {
      const list = token as Tokens.List;
      let number = list.ordered ? Number(list.start) || 1 : undefined;
      for (const item of list.items) {
        addItem(item, blocks, depth, number, options);
        if (number !== undefined) number++;
      }
      break;
    }
    case "table": {
      const table = token as Tokens.Table;
      if (!options.tables) break;
      for (const row of [table.header, ...table.rows]) {
        blocks.push({ kind: "row", text: row.map((cell) => inlineText(cell.tokens)).join(" | ") });
      }
      break;
    }
    case "blockquote":
      if (depth < MAX_DEPTH) for (const inner of token.tokens ?? []) addBlocks(inner, blocks, depth + 1, options);
      break;
    case "html": {
      const text = withoutTags(token.raw);
      if (text !== "") blocks.push({ kind: "paragraph", text });
      break;
    }
    default:
      break;
  }
}

function addItem(
  item: Tokens.ListItem,
  blocks: Block[],
  depth: number,
  number: number | undefined,
  options: { tables: boolean; code: boolean },
): void {
  let first = true;
  for (const inner of item.tokens) {
    if (first && (inner.type === "text" || inner.type === "paragraph")) {
      const text = "tokens" in inner && inner.tokens !== undefined ? inlineText(inner.tokens) : plain(inner.raw);
      blocks.push({ kind: "item", text, depth, number });
      first = false;
    } else if (depth < MAX_DEPTH) addBlocks(inner, blocks, depth + 1, options);
  }
}

/** Inline tokens as text, without recursion: links inside emphasis inside links can be nested by thousands. */
function inlineText(tokens: readonly Token[]): string {
  const parts: string[] = [];
  const stack = [...tokens].reverse();
  for (let token = stack.pop(); token !== undefined; token = stack.pop()) {
    if (token.type === "image") continue;
    if (token.type === "br") parts.push("\n");
    else if (token.type === "codespan") parts.push((token as Tokens.Codespan).text);
    else if (token.type === "html") parts.push(/^<br\b/i.test(token.raw) ? "\n" : "");
    else if ("tokens" in token && token.tokens !== undefined && token.tokens.length > 0) {
      for (let k = token.tokens.length - 1; k >= 0; k--) stack.push(token.tokens[k] as Token);
    } else if (token.type === "link") continue;
    else parts.push(plain("text" in token && typeof token.text === "string" ? token.text : token.raw));
  }
  return parts
    .join("")
    .replace(/[ \t]+/g, " ")
    .replace(/ *\n */g, "\n")
    .trim();
}

function plain(text: string): string {
  return text.includes("&") ? decodeHTML(text) : text;
}

function withoutTags(html: string): string {
  const text = html
    .replace(/<!--[\s\S]*?(?:-->|$)/g, "")
    .replace(/<(script|style)\b[\s\S]*?(?:<\/\1\s*>|$)/gi, "")
    .replace(/<br\s*\/?>|<\/(?:p|div|h[1-6]|li|tr)>/gi, "\n")
    .replace(/<\/?[a-z][^>]*>/gi, "");
  return plain(text)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join("\n");
}
