import { renderBlocks } from "../blocks.ts";
import { readMetadata } from "./metadata.ts";
import { toBlocks } from "./to-blocks.ts";
import { parsePage } from "./tree.ts";

/**
 * All text of an HTML file in the form that {@link extractHtml} gives: for chapters of books and converted documents,
 * which have no navigation to look through.
 *
 * @param options `onlyDataTables`: no table only lays out the page, so all of them become rows
 */
export function wholeHtml(
  html: string,
  { onlyDataTables = false } = {},
): { readonly text: string; readonly title: string | undefined } {
  const page = parsePage(html);
  const body = page.elements.find(({ tag }) => tag === "body") ?? page.root;
  const blocks = toBlocks(body, { tables: true, code: true, onlyDataTables });
  return { text: renderBlocks(blocks.map(({ block }) => block)), title: readMetadata(page).title };
}
