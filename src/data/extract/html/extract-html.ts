import { renderBlocks } from "../blocks.ts";
import type { ExtractSettings } from "../settings.ts";
import { findMainContent } from "./main-content.ts";
import { readMetadata } from "./metadata.ts";
import type { PageMetadata } from "./metadata.ts";
import { toBlocks } from "./to-blocks.ts";
import { parsePage } from "./tree.ts";

export interface ExtractedPage extends PageMetadata {
  /** The main text; empty where a page has none. */
  readonly text: string;
}

/** The main text of a web page, with its title, date and language. Never throws, whatever the page. */
export function extractHtml(html: string, settings: ExtractSettings): ExtractedPage {
  const page = parsePage(html);
  const metadata = readMetadata(page);
  const main = findMainContent(page, settings);
  const blocks = toBlocks(main, settings);
  return { text: renderBlocks(blocks.map(({ block }) => block)), ...metadata };
}
