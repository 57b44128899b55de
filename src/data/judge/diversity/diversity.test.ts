import { expect, test } from "vitest";
import type { Document } from "../../../text/document.ts";
import { diversityOf } from "./diversity.ts";

const document = (text: string, meta: Document["meta"], language?: string): Document => ({
  id: text,
  text,
  source: "folder/file.jsonl#3",
  ...(language === undefined ? {} : { language }),
  meta,
});

test("shares by source, language, registered domain, length and year, with their effective number", async () => {
  const tables = await diversityOf([
    document("a".repeat(50), { source_name: "web", url: "https://www.news.example.co.uk/x", date: "2023-04-05" }, "en"),
    document("b".repeat(30), { source_name: "web", url: "http://example.co.uk", date: "Mon, 3 Apr 2023" }, "en"),
    document("好".repeat(20), { url: "http://新闻.中国/一", date: "no date" }, "zh"),
  ]);
  expect(tables.source.parts).toEqual([
    { value: "web", documents: 2, characters: 80, share: 0.8 },
    { value: "folder/", documents: 1, characters: 20, share: 0.2 },
  ]);
  // exp(-(0.8 ln 0.8 + 0.2 ln 0.2)), by hand
  expect(tables.source.effective).toBeCloseTo(1.6494, 4);
  expect(tables.domain.parts.map(({ value, documents }) => [value, documents])).toEqual([
    ["example.co.uk", 2],
    ["新闻.中国", 1],
  ]);
  expect(tables.year.parts.map(({ value, share }) => [value, share])).toEqual([
    ["2023", 0.8],
    ["(unknown)", 0.2],
  ]);
  expect(tables.length).toMatchObject({ parts: [{ value: "10 to 99", documents: 3 }], effective: 1 });
  expect(tables.language.parts.map(({ value }) => value)).toEqual(["en", "zh"]);
});

test("nothing has no parts; four equal parts have the effective number 4", async () => {
  expect((await diversityOf([])).source).toEqual({ parts: [], effective: 1 });
  const equal = ["a", "b", "c", "d"].map((name) => document("x", { source_name: name }));
  expect((await diversityOf(equal)).source.effective).toBeCloseTo(4, 12);
});
