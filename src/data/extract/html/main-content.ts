import { boilerplateHint, contentHint, isHidden } from "./hints.ts";
import { measure } from "./measure.ts";
import type { Element, Page } from "./tree.ts";

const NEVER = new Set(["#root", "html", "body", "main", "article"]);

/**
 * Marks as removed what is not the main text, and gives back the element that holds the main text.
 */
export function findMainContent(page: Page, options: { comments: boolean }): Element {
  measure(page);
  const total = page.body.mass;
  for (const element of page.elements) {
    if (element.removed || NEVER.has(element.tag)) continue;
    if (element.tag === "head" || isHidden(element)) {
      if (element.mass < 0.5 * total || element.tag === "head") element.removed = true;
      continue;
    }
    const hint = boilerplateHint(element);
    if (hint === undefined || (hint === "comments" && options.comments)) continue;
    if (element.mass < 0.4 * total) element.removed = true;
  }
  measure(page);
  return descend(page.body);
}

/** From the body down to the smallest element that still holds most of the prose. */
function descend(body: Element): Element {
  let current = body;
  for (;;) {
    let best: Element | undefined;
    for (const child of current.children) {
      if (typeof child === "string" || child.removed) continue;
      if (best === undefined || child.mass > best.mass) best = child;
    }
    if (best === undefined || best.inline) return current;
    const share = contentHint(current) ? 0.95 : 0.75;
    if (best.mass < share * current.mass) return current;
    current = best;
  }
}
