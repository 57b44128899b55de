// Main text extraction on the 506 real pages of the shared web-extraction set: precision, recall, F1, speed.
//   node dist/bench/extract.js [path of dev.jsonl.gz]
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { decode } from "../src/data/acquire/collect/index.ts";
import { extractHtml, extractSettings } from "../src/data/clean/extract/index.ts";

interface LabelledPage {
  file: string;
  with: string[];
  without: string[];
  html_base64: string;
}

const root = process.env["NUWA_SHARED"] ?? "../shared";
const ROUNDS = 4;
const path = process.argv[2] ?? `${root}/data/web-extraction/dev.jsonl.gz`;
const lines = gunzipSync(readFileSync(path)).toString("utf8").trimEnd().split("\n");
const settings = extractSettings.parse({});
const fold = (text: string): string => text.replace(/\s+/g, " ").trim();

interface Round {
  /** Milliseconds of all pages: processor time of all threads, the garbage collector's too, and by the clock. */
  readonly cpu: number;
  readonly wall: number;
}

let [truePositives, falsePositives, falseNegatives, bytes] = [0, 0, 0, 0];
let slowest = { file: "", milliseconds: 0 };
const rounds: Round[] = [];
for (let round = 0; round < ROUNDS; round++) {
  let [wall, cpu] = [0, 0];
  for (const line of lines) {
    const page = JSON.parse(line) as LabelledPage;
    const raw = Buffer.from(page.html_base64, "base64");
    const start = performance.now();
    const startCpu = process.cpuUsage();
    const extracted = extractHtml(decode(raw, "auto", { html: true }).text, settings).text;
    const took = performance.now() - start;
    const used = process.cpuUsage(startCpu);
    wall += took;
    cpu += (used.user + used.system) / 1000;
    if (took > slowest.milliseconds) slowest = { file: page.file, milliseconds: took };
    if (round > 0) continue;
    bytes += raw.length;
    const text = fold(extracted);
    for (const wanted of page.with) {
      if (text.includes(fold(wanted))) truePositives++;
      else falseNegatives++;
    }
    for (const unwanted of page.without) if (text.includes(fold(unwanted))) falsePositives++;
  }
  rounds.push({ cpu, wall });
}
const [cold, ...warm] = rounds;
const median = (of: (round: Round) => number): number => warm.map(of).toSorted((a, b) => a - b)[warm.length >> 1] ?? 0;
const rate = (milliseconds: number): string => ((lines.length / milliseconds) * 1000).toFixed(0);
const precision = truePositives / (truePositives + falsePositives);
const recall = truePositives / (truePositives + falseNegatives);
const f1 = (2 * precision * recall) / (precision + recall);
console.log(`pages       ${lines.length}`);
console.log(`precision   ${precision.toFixed(4)}`);
console.log(`recall      ${recall.toFixed(4)}`);
console.log(`F1          ${f1.toFixed(4)}   (trafilatura 0.924, Readability 0.886, jusText 0.862 on the full set)`);
console.log(
  `pages/s     ${rate(median(({ cpu }) => cpu))} a core (${rate(median(({ wall }) => wall))} by the clock; ${rate(cold?.cpu ?? 0)} the first time, while V8 still compiles)`,
);
console.log(`MB/s        ${(bytes / 1000 / median(({ cpu }) => cpu)).toFixed(1)} a core`);
console.log(`slowest     ${slowest.milliseconds.toFixed(0)} ms (${slowest.file})`);
