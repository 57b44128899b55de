import { hintsOf, isBoilerplateTag, isContent, isHidden } from "./hints.ts";
import { measure } from "./measure.ts";
import type { Element, Page } from "./tree.ts";

/** Never removed for what they are called. */
const FRAME = new Set(["#root", "html", "head", "body", "main", "article"]);
/** Of the page's head; broken pages have text in it too. */
const HEAD = new Set(["title", "meta", "link", "base"]);
/** Text of these is one block: the main content is looked for in what holds them. */
const LEAVES = new Set([
  "p",
  "li",
  "td",
  "th",
  "pre",
  "blockquote",
  "h1",
  "h2",
  "h3",
  "h4",
  "h5",
  "h6",
  "dd",
  "dt",
  "tr",
]);

export interface PruneOptions {
  readonly comments: boolean;
  /** Whether classes, ids and links decide too, or tags alone: the second try, for pages of which nothing was left. */
  readonly strict: boolean;
}

/** Marks as removed what is not the main text, and gives back the element that holds the main text. */
export function findMainContent(page: Page, options: PruneOptions): Element {
  measure(page);
  const total = page.root.mass;
  for (const element of page.elements) {
    if (HEAD.has(element.tag)) element.removed = true;
    if (element.removed || FRAME.has(element.tag) || element.inline) continue;
    const bound = options.strict ? removalBound(element, options) : isBoilerplateTag(element) ? 0.5 : 0;
    if (bound > 0 && element.mass <= bound * total && !(element.title && element.tag !== "nav")) element.removed = true;
  }
  measure(page);
  if (options.strict) removeLinkLists(page);
  return descend(page.root);
}

/** The share of a page's prose up to which an element is removed for what it is called; 0: it is not. */
function removalBound(element: Element, options: PruneOptions): number {
  if (isHidden(element)) return 0.5;
  const { boilerplate, comments, lead } = hintsOf(element);
  if (comments) return options.comments ? 0 : 0.9;
  if (isBoilerplateTag(element)) return 0.6;
  if (boilerplate && !(lead && isPlain(element))) return 0.4;
  // A teaser that leads somewhere else; one without links is the paragraph that leads into the article.
  return 0;
}

function isPlain(element: Element): boolean {
  return element.text > 40 && element.links < 0.1 * element.text;
}

/** Lists and boxes that are mostly links. */
function removeLinkLists(page: Page): void {
  const total = page.root.mass;
  let changed = false;
  for (const element of page.elements) {
    if (element.removed || element.inline || element.links === 0) continue;
    if (element.tag === "p" || isContent(element) || holdsOneParagraph(element)) continue;
    if (element.parent?.removed === true) continue;
    const density = element.links / element.text;
    const isList = element.tag === "ul" || element.tag === "ol" || element.tag === "dl" || element.tag === "table";
    if (density > (isList ? 0.5 : 0.6) && element.mass < 0.2 * total && !element.title) {
      element.removed = true;
      changed = true;
    }
  }
  if (changed) measure(page);
}

/** A box around one paragraph: whether its link is the article's own is seen beside the paragraphs around it. */
function holdsOneParagraph(element: Element): boolean {
  let at: Element | undefined = element;
  while (at !== undefined && at.tag === "div") {
    const children: Element["children"] = at.children.filter(
      (child) => typeof child !== "string" || child.trim() !== "",
    );
    const [only] = children;
    at = children.length === 1 && typeof only === "object" ? only : undefined;
  }
  return at?.tag === "p";
}

/** From the body down to the smallest element that still holds most of the prose. */
function descend(root: Element): Element {
  let current = root;
  for (;;) {
    let best: Element | undefined;
    for (const child of current.children) {
      if (typeof child === "string" || child.removed) continue;
      if (best === undefined || child.mass > best.mass) best = child;
    }
    if (best === undefined || best.inline || LEAVES.has(best.tag)) return current;
    const share = isContent(current) ? 0.95 : 0.75;
    if (best.mass < share * current.mass) return current;
    current = best;
  }
}
