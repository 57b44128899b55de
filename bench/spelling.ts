// Spelling correction on noise put into the shared English texts: precision, recall, MB/s on one core. Word counts are
// those of the noisy texts themselves. `node dist/bench/spelling.js`
import { corpus } from "./corpus.ts";
import { addNoise, scoreCorrections } from "../src/data/clean/spelling/noise.ts";
import {
  Corrector,
  correctText,
  countWords,
  englishWords,
  spellingSettings,
  type WordCounts,
} from "../src/data/clean/spelling/index.ts";

const wrong = process.argv.includes("--wrong");
const shared = process.env["NUWA_SHARED"] ?? "../shared";
const settings = spellingSettings.parse({});
const started = performance.now();
const known = englishWords();
console.log(`${known.size} words, read and expanded in ${((performance.now() - started) / 1000).toFixed(2)} s`);
const sets = [...corpus([]).filter(({ name }) => name === "en"), ...corpus([`${shared}/data/tinyshakespeare`])];
for (const { name, documents, bytes } of sets) {
  for (const share of [0.01, 0.05]) {
    const noisy = documents.map(({ text }, i) => addNoise(text, share, 1000 + i));
    const counts: WordCounts = new Map();
    for (const { text } of noisy) countWords(text, counts);
    const start = performance.now();
    const corrector = new Corrector(known, counts, settings);
    const indexed = performance.now() - start;
    for (const quotations of [false, true]) {
      const cpu = process.cpuUsage();
      const corrected = noisy.map(({ text }) => correctText(text, corrector, { quotations }).text);
      const { user, system } = process.cpuUsage(cpu);
      const sum = { changed: 0, right: 0, errors: 0 };
      for (const [i, text] of corrected.entries()) {
        const one = noisy[i];
        if (one === undefined) continue;
        const { changed, right, errors } = scoreCorrections(one, text);
        sum.changed += changed;
        sum.right += right;
        sum.errors += errors;
      }
      console.log(
        `${name} ${(100 * share).toFixed(0)} % noise, ${quotations ? "quotations too" : "quotations left alone"}: precision ${(sum.right / sum.changed).toFixed(4)}, recall ${(sum.right / sum.errors).toFixed(4)} (${sum.errors} errors), ${(bytes / (user + system)).toFixed(1)} MB/s, index ${(indexed / 1000).toFixed(2)} s`,
      );
      if (!wrong) continue;
      const tally = new Map<string, number>();
      for (const [i, text] of corrected.entries()) {
        const one = noisy[i];
        const before = one?.text.match(/\S+/gu) ?? [];
        for (const [k, word] of (text.match(/\S+/gu) ?? []).entries()) {
          if (word !== before[k] && word !== one?.originals.get(k)) {
            const line = `${before[k]} -> ${word} (${one?.originals.get(k) ?? "was right"})`;
            tally.set(line, (tally.get(line) ?? 0) + 1);
          }
        }
      }
      console.log(
        [...tally]
          .sort((a, b) => b[1] - a[1])
          .slice(0, 40)
          .map(([l, n]) => `  ${n} ${l}`)
          .join("\n"),
      );
    }
  }
}
