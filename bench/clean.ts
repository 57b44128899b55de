// The clean stage on the novels and classics of the shared data: MB (UTF-8) a second on one core, step by step.
//   node dist/bench/clean.js
import { readdirSync, readFileSync } from "node:fs";
import {
  cleanSettings,
  cleanText,
  decodeEntities,
  normalizeUnicode,
  normalizeWhiteSpace,
  removeInvisible,
  repairMojibake,
  replaceEmoji,
} from "../src/data/clean/normalize/index.ts";

const root = `${process.env["NUWA_SHARED"] ?? "../shared"}/data`;
const settings = cleanSettings.parse({});
const steps: Record<string, (text: string) => unknown> = {
  mojibake: repairMojibake,
  entities: decodeEntities,
  unicode: normalizeUnicode,
  emoji: (text) => replaceEmoji(text, "words", "en"),
  invisible: removeInvisible,
  white_space: (text) => normalizeWhiteSpace(text, { maxBlankLines: 1, indentation: "keep" }),
  all: (text) => cleanText(text, settings),
};

for (const folder of ["novels-en", "classics-zh"]) {
  // Pieces of the size of documents: a whole novel at once would measure the cache.
  const pieces = readdirSync(`${root}/${folder}`)
    .map((file) => readFileSync(`${root}/${folder}/${file}`, "utf8"))
    .flatMap((text) => text.match(/[\s\S]{1,20000}/gu) ?? []);
  const bytes = pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0);
  for (const [name, step] of Object.entries(steps)) {
    const rates: number[] = [];
    for (let round = 0; round < 5; round++) {
      const start = process.cpuUsage();
      for (const piece of pieces) step(piece);
      const { user, system } = process.cpuUsage(start);
      rates.push(bytes / (user + system));
    }
    const median = rates.sort((a, b) => a - b)[2] ?? 0;
    console.log(`${folder.padEnd(12)} ${name.padEnd(12)} ${median.toFixed(0).padStart(6)} MB/s`);
  }
}
