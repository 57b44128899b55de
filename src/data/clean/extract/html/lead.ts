import { hintsOf } from "./hints.ts";
import { toBlocks } from "./to-blocks.ts";
import type { BlockOptions, PageBlock } from "./to-blocks.ts";
import type { Element } from "./tree.ts";

/** How far up from the main content the lead is looked for. */
const MAX_STEPS = 10;

/**
 * The headline and the paragraph that leads into an article, where they stand before the element that holds the body:
 * from the last `<h1>` before it (or from what a class calls a lead) to the body, prose only.
 */
export function leadBefore(main: Element, options: BlockOptions): PageBlock[] {
  let found: PageBlock[] = [];
  let at = main;
  for (let step = 0; step < MAX_STEPS && at.parent !== undefined && at.tag !== "body"; step++) {
    if (at.title) break;
    const siblings = at.parent.children;
    const before: PageBlock[] = [];
    for (const sibling of siblings) {
      if (sibling === at) break;
      if (typeof sibling === "string" || sibling.removed) continue;
      for (const block of toBlocks(sibling, options)) before.push(block);
    }
    found = before.concat(found);
    at = at.parent;
  }
  const headline = found.findLastIndex(({ element }) => isHeadline(element));
  return found.slice(Math.max(0, headline)).filter(({ element, block, length, linkLength }, k) => {
    if (headline >= 0 && k === 0) return true;
    if (block.kind === "code" || linkLength > 0.3 * length) return false;
    return isLead(element) ? length >= 40 : headline >= 0 && length >= 80 && /[.!?。！？…]["'”’»)]*$/u.test(block.text);
  });
}

function isLead(element: Element): boolean {
  for (let at: Element | undefined = element, up = 0; at !== undefined && up < 3; at = at.parent, up++) {
    if (hintsOf(at).lead) return true;
  }
  return false;
}

function isHeadline(element: Element): boolean {
  for (let at: Element | undefined = element, up = 0; at !== undefined && up < 3; at = at.parent, up++) {
    if (at.tag === "h1") return true;
  }
  return false;
}
