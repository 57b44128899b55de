// Speed of the filter stage on one core: language, Gopher's rules, C4's and FineWeb's, ChineseWebText's. `node dist/bench/filter.js [file or folder …]`
import { corpus, megabytesPerSecond } from "./corpus.ts";
import { createFilter, detectLanguage, filterSettings } from "../src/data/judge/filter/index.ts";

for (const { name, documents, bytes } of corpus(process.argv.slice(2))) {
  const language = filterSettings.parse({}).language;
  const variants: [string, ReturnType<typeof createFilter>][] = [
    ["language, Gopher", createFilter()],
    ["language, Gopher, C4, FineWeb", createFilter({ c4: { enabled: true }, fineweb: { enabled: true } })],
    ["without language", createFilter({ language: { enabled: false } })],
  ];
  if (name.startsWith("zh")) {
    variants.push(["language, Gopher, ChineseWebText", createFilter({ chinese_web_text: { enabled: true } })]);
  }
  if (name.startsWith("zh")) variants.push(["Intl.Segmenter", createFilter({ chinese_words: "segmenter" })]);
  for (const [variant, filter] of variants) {
    const marked =
      variant === "without language" ? documents.map((d) => ({ ...d, language: name.slice(0, 2) })) : documents;
    let kept = 0;
    const speed = megabytesPerSecond(bytes, () => {
      kept = 0;
      for (const document of marked) if ("keep" in filter.map(document)) kept++;
    });
    console.log(`${name}  ${variant}: ${speed.toFixed(1)} MB/s, kept ${kept} of ${documents.length}`);
  }
  const speed = megabytesPerSecond(bytes, () => {
    for (const document of documents) detectLanguage(document.text, language);
  });
  console.log(`${name}  language alone: ${speed.toFixed(1)} MB/s`);
}
