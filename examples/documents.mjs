// Reads all files of a folder, takes their main text, cleans it, drops what is no good prose and what is there twice, and
// says why each document went.
//   node examples/documents.mjs [FOLDER]
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  cleanSettings,
  collect,
  collectSettings,
  createClean,
  createExtract,
  createFilter,
  deduplicate,
  emptyStatistics,
  extractSettings,
  filterSettings,
  runMapper,
} from "nuwa/data";

/** @import { LedgerEntry } from "nuwa/data" */

const given = process.argv[2];
const folder = given ?? (await madeUpFolder());

// A stage's settings are checked by its schema, which fills in the defaults.
const mappers = [
  createExtract(extractSettings.parse({})),
  createClean(cleanSettings.parse({})),
  await createFilter(filterSettings.parse({ language: { allowed: ["en"] }, english: { min_words: 20 } })),
];

// Each stage is an async generator over documents, so that the texts need not all be in memory.
const removed = /** @type {Map<string, LedgerEntry>} */ (new Map());
const onRemoved = (/** @type {LedgerEntry} */ entry) => void removed.set(entry.id, entry);
function clean() {
  let documents = collect(collectSettings.parse({ sources: [{ files: "." }] }), {
    cwd: folder,
    onProblem: ({ where, message }) => console.log(`problem: ${where}: ${message}`),
  });
  for (const mapper of mappers) documents = runMapper(mapper, documents, { onRemoved });
  return documents;
}

// What is there twice can be said once all is known: deduplication goes over the documents twice.
const statistics = emptyStatistics("dedup");
for await (const { source, text } of deduplicate(clean, {}, { onRemoved, statistics })) {
  console.log(`kept: ${source}: ${text.replaceAll(/\s+/g, " ").slice(0, 50)}…`);
}
for (const { stage, source, rule, value, threshold } of removed.values()) {
  console.log(
    `removed by ${stage}: ${source}: ${rule}${threshold === undefined ? "" : ` ${value}, bound ${threshold}`}`,
  );
}
console.log(`${statistics.out.documents} documents kept, ${removed.size} removed`);
if (given === undefined) await rm(folder, { recursive: true });

/** A folder with a web page, a copy of it, a short note, and a list. */
async function madeUpFolder() {
  const made = await mkdtemp(join(tmpdir(), "nuwa-documents-"));
  const story =
    "The old bridge over the river was built of stone that had been carried down from the hills by people who are long " +
    "forgotten. In the spring the water rises to the third arch, and children stand on the wall to see it go by.";
  const files = {
    "page.html": `<html><body><nav><a href="/">Home</a> <a href="/a">About</a></nav><main><h1>The bridge</h1><p>${story}</p></main></body></html>`,
    "copy.txt": `The bridge\n\n${story.replaceAll("that had been", "that  had\u00a0been")}\n`,
    "note.txt": "Call back tomorrow.\n",
    "list.txt": "$ 12.50 | $ 13.75 | # 001 | # 002 | $ 14.10\n".repeat(20),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(made, name), text);
  return made;
}
