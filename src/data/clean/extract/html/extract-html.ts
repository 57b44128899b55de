import { renderBlocks } from "../blocks.ts";
import type { ExtractSettings } from "../settings.ts";
import { filterBlocks } from "./filter-blocks.ts";
import { leadBefore } from "./lead.ts";
import { findMainContent } from "./main-content.ts";
import { countPage } from "./measure.ts";
import { readMetadata } from "./metadata.ts";
import type { PageMetadata } from "./metadata.ts";
import { toBlocks } from "./to-blocks.ts";
import { parsePage } from "./tree.ts";
import type { Page } from "./tree.ts";

/** The main text of a web page, and what its head says of it. */
export interface ExtractedPage extends PageMetadata {
  /** The main text; empty where a page has none. */
  readonly text: string;
}

/** Below this many characters a first try is held against a second one that removes less. */
const SHORT = 250;

/** The main text of a web page, with its title, date and language. Never throws, whatever the page. */
export function extractHtml(html: string, settings: ExtractSettings): ExtractedPage {
  const page = parsePage(html);
  countPage(page);
  const metadata = readMetadata(page);
  let text = mainText(page, settings, true);
  if (text.length < SHORT) {
    for (const element of page.elements) element.removed = false;
    const second = mainText(page, settings, false);
    if (second.length > 2 * text.length) text = second;
  }
  return { text, ...metadata };
}

function mainText(page: Page, settings: ExtractSettings, strict: boolean): string {
  const main = findMainContent(page, { comments: settings.comments, strict });
  const blocks = leadBefore(main, settings).concat(toBlocks(main, settings));
  return renderBlocks(filterBlocks(blocks).map(({ block }) => block));
}
