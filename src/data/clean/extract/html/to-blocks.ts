import type { Block } from "../blocks.ts";
import { fold, textOf } from "./tree.ts";
import type { Element } from "./tree.ts";

export interface BlockOptions {
  readonly tables: boolean;
  /** Whether every table is one of data, as in a written document; on web pages many only lay out the page. */
  readonly onlyDataTables?: boolean;
  readonly code: boolean;
}

/** A block and the element it came from. */
export interface PageBlock {
  block: Block;
  element: Element;
  /** Characters, and those of them that are inside links. */
  length: number;
  linkLength: number;
}

/** The blocks inside an element, in order, without what is removed. */
export function toBlocks(root: Element, options: BlockOptions): PageBlock[] {
  const blocks: PageBlock[] = [];
  const numbers: ItemNumbers = new Map();
  let buffer = "";
  let linked = 0;
  const flush = (element: Element): void => {
    const text = foldLines(buffer);
    buffer = "";
    if (text !== "")
      blocks.push({ block: blockOf(element, text, numbers), element, length: text.length, linkLength: linked });
    linked = 0;
  };
  // Entries: an element to open, a text, or an element to close.
  const stack: { node: Element | string; owner: Element; close: boolean; link: boolean }[] = [
    { node: root, owner: root, close: false, link: false },
  ];
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    const { node, owner } = entry;
    if (typeof node === "string") {
      const text = node.replace(/\s+/g, " ");
      buffer += text;
      if (entry.link) linked += text.length;
      continue;
    }
    if (entry.close) {
      flush(node);
      continue;
    }
    if (node.removed) continue;
    if (node.tag === "br") {
      buffer += "\n";
      continue;
    }
    if (node.tag === "img") {
      buffer += formulaOf(node);
      continue;
    }
    if (node.tag === "math") {
      buffer += mathOf(node);
      continue;
    }
    const block = !node.inline;
    if (block) flush(owner);
    if (node.tag === "hr") continue;
    if (node.tag === "pre") {
      if (options.code) {
        const text = textOf(node);
        blocks.push({ block: { kind: "code", text }, element: node, length: text.length, linkLength: 0 });
      }
      continue;
    }
    if (node.tag === "table" && isDataTable(node, options)) {
      if (options.tables) for (const row of tableRows(node)) blocks.push(row);
      continue;
    }
    const inner = block ? node : owner;
    const link = entry.link || (node.tag === "a" && node.attributes["href"] !== undefined);
    if (block) stack.push({ node, owner, close: true, link });
    for (let k = node.children.length - 1; k >= 0; k--) {
      const child = node.children[k];
      if (child !== undefined) stack.push({ node: child, owner: inner, close: false, link });
    }
  }
  flush(root);
  return blocks;
}

/** Spaces folded; the line breaks that `<br>` made are kept. */
function foldLines(text: string): string {
  if (!text.includes("\n")) return fold(text);
  return text
    .split("\n")
    .map(fold)
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

function blockOf(element: Element, text: string, numbers: ItemNumbers): Block {
  for (let at: Element | undefined = element, up = 0; at !== undefined && up < 4; at = at.parent, up++) {
    if (/^h[1-6]$/.test(at.tag)) return { kind: "heading", text };
    if (at.tag === "li") return itemOf(at, text, numbers);
    if (at.tag === "dt" || at.tag === "dd") return { kind: "row", text };
    if (at.tag === "tr" || at.tag === "ul" || at.tag === "ol") break;
  }
  return { kind: "paragraph", text };
}

/** The numbers of ordered lists' items, counted once a list. */
type ItemNumbers = Map<Element, ReadonlyMap<Element, number>>;

function countItems(list: Element): Map<Element, number> {
  const counted = new Map<Element, number>();
  let number = Number.parseInt(list.attributes["start"] ?? "1", 10);
  if (!Number.isSafeInteger(number)) number = 1;
  for (const child of list.children) if (typeof child !== "string" && child.tag === "li") counted.set(child, number++);
  return counted;
}

function itemOf(item: Element, text: string, numbers: ItemNumbers): Block {
  let depth = -1;
  let list: Element | undefined;
  for (let at = item.parent, up = 0; at !== undefined && up < 50; at = at.parent, up++) {
    if (at.tag !== "ul" && at.tag !== "ol") continue;
    list ??= at;
    depth++;
  }
  if (list?.tag !== "ol") return { kind: "item", text, depth: Math.max(0, depth) };
  let number = numbers.get(list)?.get(item);
  if (number === undefined) {
    const counted = countItems(list);
    numbers.set(list, counted);
    number = counted.get(item);
  }
  return { kind: "item", text, depth, number };
}

/** A formula's picture carries its source; other pictures have no text. */
function formulaOf({ attributes, hint }: Element): string {
  const alt = attributes["alt"] ?? "";
  return /math|tex|formula|equation/.test(hint) || /\\[a-z]+|^\{\\/.test(alt) ? ` ${alt} ` : " ";
}

/** MathML: the TeX annotation if it has one, else the text of its symbols. */
function mathOf(math: Element): string {
  const tex = math.attributes["alttext"];
  if (tex !== undefined) return ` ${tex} `;
  const stack: Element[] = [math];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.tag === "annotation" && /tex/i.test(node.attributes["encoding"] ?? "")) return ` ${fold(textOf(node))} `;
    for (const child of node.children) if (typeof child !== "string") stack.push(child);
  }
  return ` ${fold(textOf(math))} `;
}

/** Tables of data have short cells in rows and columns; others only lay out the page, and their cells are blocks. */
function isDataTable(table: Element, { onlyDataTables = false }: BlockOptions): boolean {
  const role = table.attributes["role"];
  if (role === "presentation" || role === "none") return false;
  let rows = 0;
  let cells = 0;
  let long = 0;
  const stack = elementsOf(table);
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.tag === "table") return false;
    if (node.tag === "tr") rows++;
    if (node.tag === "td" || node.tag === "th") {
      cells++;
      if (node.text > 300 || (!onlyDataTables && blocksIn(node) > 1)) long++;
    }
    for (const child of node.children) if (typeof child !== "string") stack.push(child);
  }
  return rows > (onlyDataTables ? 0 : 1) && cells >= 2 * rows && long * 4 <= cells;
}

function blocksIn(cell: Element): number {
  return cell.children.filter((child) => typeof child !== "string" && !child.inline && child.tag !== "br").length;
}

function elementsOf(element: Element): Element[] {
  return element.children.filter((child) => typeof child !== "string");
}

/** The text of a cell on one line: its paragraphs are kept apart by a blank. */
function cellText(cell: Element): string {
  return fold(cell.children.map((child) => (typeof child === "string" ? child : blockText(child))).join(""));
}

function blockText(element: Element): string {
  return element.inline ? textOf(element) : ` ${textOf(element)} `;
}

function tableRows(table: Element): PageBlock[] {
  const rows: PageBlock[] = [];
  const stack: Element[] = [table];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.removed) continue;
    if (node.tag === "caption") {
      const text = fold(textOf(node));
      if (text !== "")
        rows.push({ block: { kind: "paragraph", text }, element: node, length: text.length, linkLength: 0 });
    } else if (node.tag === "tr") {
      const cells = elementsOf(node).filter((cell) => (cell.tag === "td" || cell.tag === "th") && !cell.removed);
      const text = cells.map(cellText);
      while (text.at(-1) === "") text.pop();
      if (text.some((cell) => cell !== "")) {
        const row = text.join(" | ");
        rows.push({ block: { kind: "row", text: row }, element: node, length: row.length, linkLength: 0 });
      }
    } else for (const child of elementsOf(node).reverse()) stack.push(child);
  }
  return rows;
}
