// Speed of substring deduplication on one core, whole and its parts, and what it finds of planted passages.
// `npm run bench -- substring [file or folder …]`
import { corpus, megabytesPerSecond } from "./corpus.ts";
import { plantedPassages } from "../src/data/dedup/documents/planted.ts";
import { LineWorker, linesSettings } from "../src/data/dedup/lines/index.ts";
import {
  firstWindows,
  PassageWorker,
  portableFirstWindows,
  removePassages,
  substringSettings,
  textAddon,
} from "../src/data/dedup/substring/index.ts";
import { Tokeniser } from "../src/data/dedup/substring/tokens.ts";

const settings = substringSettings.parse({});
const native = textAddon() !== undefined;
for (const { name, documents, bytes } of corpus(process.argv.slice(2))) {
  const say = (what: string, run: () => void): void => {
    console.log(`${name}  ${what}: ${megabytesPerSecond(bytes, run, 3).toFixed(1)} MB/s`);
  };
  const worker = new PassageWorker(settings);
  const lines = new LineWorker(linesSettings.parse({}));
  say("keys of windows", () => worker.keys(documents));
  say("all, as the text is", () => removePassages(documents));
  // Each document twice: half of the text goes, and all of it has to be looked at.
  const doubled = [...documents, ...documents];
  const speed = megabytesPerSecond(2 * bytes, () => removePassages(doubled), 3);
  console.log(`${name}  all, every document twice: ${speed.toFixed(1)} MB/s`);
  const tokeniser = new Tokeniser(settings);
  const tokens: number[] = [];
  for (const { text } of documents) {
    const count = tokeniser.tokenise(text);
    for (let i = 0; i < count; i++) tokens.push(tokeniser.hashes[i] ?? 0);
    tokens.push(0);
  }
  const all = Int32Array.from(tokens);
  if (native) say(`suffix array of the whole text (${all.length} tokens)`, () => firstWindows(all.slice(), 50));
  say("the same by a table of hashes, in TypeScript", () => portableFirstWindows(all, 50));
  say("paragraphs and lines, hashes", () => lines.keys(documents));
}
for (const script of ["latin", "han", "mixed"] as const) {
  const { documents, expected, copies, short } = plantedPassages(4000, 3, script);
  const verdicts = removePassages(documents, { min_chars: 0 });
  const right = verdicts.filter((verdict, i) => "keep" in verdict && verdict.keep.text === expected[i]).length;
  console.log(
    `planted ${script}: ${copies} copies to remove, ${short} one token too short; ${right} of ${documents.length} documents are as expected`,
  );
}
if (!native) console.log("build/nuwa_text.node is not built: all of this in TypeScript");
