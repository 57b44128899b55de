import { Parser } from "htmlparser2";

/** What class and id say of an element; see hints.ts. */
export interface Hints {
  /** Stands around the text: navigation, related articles, sharing, advertisements. */
  readonly boilerplate: boolean;
  readonly comments: boolean;
  /** What the text of an article stands in. */
  readonly content: boolean;
  /** The paragraph before an article's body, often outside of it. */
  readonly lead: boolean;
}

/** An element of a parsed page, with what the extractor found out about it. */
export class Element {
  readonly tag: string;
  readonly attributes: { readonly [name: string]: string };
  readonly parent: Element | undefined;
  readonly children: (Element | string)[] = [];
  /** Class and id: what hints are looked for in. */
  readonly hint: string;
  /** What the hint says, once it has been asked for. */
  hints: Hints | undefined = undefined;
  readonly inline: boolean;

  // Lengths in letters without white space; Han characters count double, since they say more. See measure.ts.
  /** Text that stands directly in this element, and commas and sentence ends in it. */
  direct = 0;
  directMarks = 0;
  /** Text of this block itself and its inline elements, without blocks inside it. */
  own = 0;
  ownLinks = 0;
  /** Text of everything inside. */
  text = 0;
  links = 0;
  /** Commas and sentence ends in this block itself. */
  marks = 0;
  /** Text of all sentence-like blocks inside: what the main content is found by. */
  mass = 0;
  /** Number of sentence-like blocks inside. */
  paragraphs = 0;
  /** Holds the page's headline (h1). */
  title = false;
  /** Left out, with all inside it. */
  removed = false;

  constructor(tag: string, attributes: { readonly [name: string]: string }, parent: Element | undefined) {
    this.tag = tag;
    this.attributes = attributes;
    this.parent = parent;
    const hint = `${attributes["class"] ?? ""} ${attributes["id"] ?? ""}`;
    this.hint = hint === " " ? "" : hint.slice(0, 500);
    this.inline = INLINE.has(tag);
  }
}

export interface Page {
  readonly root: Element;
  /** All elements in document order, so that a walk backwards meets children before their parents. */
  readonly elements: Element[];
}

const INLINE = new Set(
  "a abbr acronym b bdi bdo big br cite code data del dfn em font i img ins kbd label mark math nobr q ruby s samp small span strike strong sub sup time tt u var wbr".split(
    " ",
  ),
);

/** What holds no text of the page, or none for readers. */
const SKIPPED = new Set(
  "script style noscript template iframe object embed applet canvas audio video svg select textarea input button datalist map area source track param rp rt noframes frameset dialog".split(
    " ",
  ),
);

/** A page with more elements than this is no page that people read; the rest of it is not looked at. */
const MAX_ELEMENTS = 400_000;

/** Text is handed to the parser in pieces of this length, in UTF-16 units. */
const PIECE = 1 << 15;
/**
 * The parser needs time that grows with the square of the depth; where a page is nested deeper than this, all elements
 * are closed and reading goes on from the top.
 */
const MAX_DEPTH = 2000;

/** Parses a page, however broken, into a tree without scripts, styles and controls. Nothing here recurses. */
export function parsePage(html: string): Page {
  const root = new Element("#root", {}, undefined);
  const elements: Element[] = [root];
  let current = root;
  let skipping = 0;
  let depth = 0;
  const open = (): Parser =>
    new Parser(
      {
        onopentag(tag, attributes) {
          depth++;
          if (skipping > 0 || SKIPPED.has(tag)) {
            skipping++;
            return;
          }
          const element = new Element(tag, attributes, current);
          if (elements.length < MAX_ELEMENTS) elements.push(element);
          current.children.push(element);
          current = element;
        },
        onclosetag() {
          depth--;
          if (skipping > 0) skipping--;
          else if (current.parent !== undefined) current = current.parent;
        },
        ontext(text) {
          if (skipping > 0) return;
          const last = current.children.length - 1;
          const before = current.children[last];
          // The parser hands text over in pieces (at entities).
          if (typeof before === "string") current.children[last] = before + text;
          else current.children.push(text);
        },
      },
      { decodeEntities: true, lowerCaseTags: true, lowerCaseAttributeNames: true, recognizeSelfClosing: false },
    );
  let parser = open();
  for (let start = 0; start < html.length; ) {
    // Pieces end before a tag, so that a new parser can take over there.
    const piece = html.slice(start, start + PIECE);
    const cut = start + PIECE < html.length ? piece.lastIndexOf("<") : -1;
    parser.write(cut > 0 ? piece.slice(0, cut) : piece);
    start += cut > 0 ? cut : piece.length;
    if (depth <= MAX_DEPTH) continue;
    parser.end();
    current = root;
    depth = skipping = 0;
    parser = open();
  }
  parser.end();
  return { root, elements };
}

/** All text inside an element, white space as it is. */
export function textOf(element: Element): string {
  const parts: string[] = [];
  const stack: (Element | string)[] = [element];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (typeof node === "string") parts.push(node);
    else if (node.tag === "br") parts.push("\n");
    else for (let k = node.children.length - 1; k >= 0; k--) stack.push(node.children[k] ?? "");
  }
  return parts.join("");
}

/** White space folded to single spaces, none at the ends. */
export function fold(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
