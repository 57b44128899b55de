import type { Element, Page } from "./tree.ts";

const HEADING = /^h[1-6]$/;

/** Counts the text that stands directly in each element: once a page. */
export function countPage({ elements }: Page): void {
  for (const element of elements) {
    for (const child of element.children) if (typeof child === "string") countText(child, element);
  }
}

/** Fills in lengths, links, marks and mass of every element that is not removed; call again after removing some. */
export function measure({ elements }: Page): void {
  for (const element of elements) {
    if (element.parent?.removed === true) element.removed = true;
    element.own = element.direct;
    element.marks = element.directMarks;
    element.ownLinks = element.text = element.links = element.mass = element.paragraphs = 0;
    element.title = element.tag === "h1";
  }
  // Children before parents.
  for (let k = elements.length - 1; k >= 0; k--) {
    const element = elements[k];
    if (element === undefined || element.removed) continue;
    element.text += element.own;
    if (element.tag === "a" && element.attributes["href"] !== undefined) {
      element.ownLinks = element.own;
      element.links = element.text;
    } else element.links += element.ownLinks;
    const { parent } = element;
    if (!element.inline) {
      const mass = sentenceMass(element);
      element.mass += mass;
      if (mass > 0) element.paragraphs++;
    }
    if (parent === undefined) continue;
    if (element.inline) {
      parent.own += element.own;
      parent.ownLinks += element.ownLinks;
      parent.marks += element.marks;
      parent.text += element.text - element.own;
      parent.links += element.links - element.ownLinks;
    } else {
      parent.text += element.text;
      parent.links += element.links;
    }
    if (element.title) parent.title = true;
    parent.mass += element.mass;
    parent.paragraphs += element.paragraphs;
  }
}

/** How much of a block's own text is running prose: 0 for labels, headings, link lists. */
function sentenceMass(element: Element): number {
  const plain = element.own - element.ownLinks;
  if (plain < 25 || HEADING.test(element.tag) || plain < 0.4 * element.own) return 0;
  if (element.tag === "p" || element.tag === "blockquote" || element.tag === "pre") {
    return plain < 60 && element.marks === 0 ? plain / 4 : plain;
  }
  if (element.marks === 0) return plain < 100 ? 0 : plain / 4;
  return plain < 60 ? plain / 4 : plain;
}

function countText(text: string, element: Element): void {
  let letters = 0;
  let marks = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit <= 0x20 || unit === 0xa0) continue;
    if (unit < 0x80) {
      letters++;
      // , . ! ? ; with something other than a letter behind it, so that no file name or number counts
      if ((unit === 0x2c || unit === 0x2e || unit === 0x21 || unit === 0x3f || unit === 0x3b) && isEnd(text, i + 1)) {
        marks++;
      }
    } else if (unit >= 0x3001 && unit <= 0x9fff) {
      letters += 2;
      if (unit <= 0x3002) marks++;
    } else {
      letters++;
      if (unit === 0xff0c || unit === 0xff01 || unit === 0xff1f || unit === 0xff1b) marks++;
    }
  }
  element.direct += letters;
  element.directMarks += marks;
}

function isEnd(text: string, at: number): boolean {
  if (at >= text.length) return true;
  const unit = text.charCodeAt(at);
  return unit <= 0x22 || unit === 0xa0 || unit === 0x201d || unit === 0x29 || unit === 0x2019;
}
