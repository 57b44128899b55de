import { expect, test } from "vitest";
import type { Document } from "../../../text/document.ts";
import { createExtract } from "./extract.ts";
import { extractSettings } from "./settings.ts";

const document = (text: string, format?: string): Document => ({
  id: "0",
  text,
  source: "x",
  meta: format === undefined ? { a: 1 } : { a: 1, format },
});

test("HTML and Markdown are read by their format; other texts stay as they are", () => {
  const extract = createExtract(extractSettings.parse({}));
  expect(extract.map(document("<p>A short text.</p>", "html"))).toMatchObject({
    keep: { text: "A short text.", meta: { a: 1, format: "text" } },
  });
  expect(extract.map(document("# *Hello*", "markdown"))).toMatchObject({
    keep: { text: "Hello", meta: { title: "Hello", format: "text" } },
  });
  const plain = document("<p># *x*</p>");
  expect(extract.map(plain)).toEqual({ keep: plain });
});

test("a page without text, or with less than the least, is dropped with its length", () => {
  expect(createExtract(extractSettings.parse({})).map(document("<script>x</script>", "html"))).toEqual({
    drop: { rule: "extract.min_chars", value: 0, threshold: 1 },
  });
  const strict = createExtract(extractSettings.parse({ min_chars: 5 }));
  expect(strict.map(document("<p>𠀀𠀁好</p>", "html"))).toEqual({
    drop: { rule: "extract.min_chars", value: 3, threshold: 5 },
  });
});

test("what the recipe says of a document goes before what the page says; the title can lead the text", () => {
  const html =
    "<html lang=en><head><title>Page</title></head><body><p>One sentence, and a second one.</p></body></html>";
  const base = document(html, "html");
  const extract = createExtract(extractSettings.parse({ title: true }));
  expect(extract.map({ ...base, meta: { ...base.meta, title: "Mine" } })).toMatchObject({
    keep: { text: "Page\n\nOne sentence, and a second one.", meta: { title: "Mine", lang: "en" } },
  });
});

test("unknown keys are refused", () => {
  expect(extractSettings.safeParse({ min_char: 3 }).success).toBe(false);
});
