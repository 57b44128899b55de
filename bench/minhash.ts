// Speed of deduplication on one core: signatures, then clustering; and its recall and precision on planted duplicates.
// `node dist/bench/minhash.js [file or folder …]`
import { corpus, megabytesPerSecond } from "./corpus.ts";
import { DedupIndex, createSigner, dedupSettings } from "../src/data/dedup/index.ts";
import { plantedCorpus } from "../src/data/dedup/planted.ts";

const settings = dedupSettings.parse({});
const fineweb = dedupSettings.parse({ minhash: { bands: 14, rows: 8 } });
for (const { name, documents, bytes } of corpus(process.argv.slice(2))) {
  for (const [label, chosen] of [
    ["20 bands of 6", settings],
    ["14 bands of 8", fineweb],
  ] as const) {
    const signer = createSigner(chosen);
    const speed = megabytesPerSecond(bytes, () => {
      for (const document of documents) signer.signature(document);
    });
    console.log(`${name}  signatures, ${label}: ${speed.toFixed(1)} MB/s`);
  }
}

for (const script of ["latin", "han"] as const) {
  const { documents, pairs } = plantedCorpus(12_000, 5, script);
  const signer = createSigner(settings);
  const index = new DedupIndex(settings);
  for (const [i, document] of documents.entries()) {
    index.add(document.id, i, document.text.length, signer.signature(document));
  }
  const start = process.cpuUsage();
  const found = index.resolve();
  const { user, system } = process.cpuUsage(start);
  const clusterOf = (id: string): string => found.get(id)?.kept ?? id;
  const share = (part: number, whole: number): string => (whole === 0 ? "none" : (part / whole).toFixed(4));
  const recall = (kind: "exact" | "near"): string => {
    const above = pairs.filter((pair) => pair.kind === kind && pair.similarity >= settings.minhash.threshold);
    const hits = above.filter((pair) => clusterOf(pair.copy) === clusterOf(pair.original));
    return `${share(hits.length, above.length)} of ${above.length}`;
  };
  const byCopy = new Map(pairs.map((pair) => [pair.copy, pair]));
  const said = [...found].map(([id, drop]) => byCopy.get(id) ?? byCopy.get(drop.kept));
  const right = said.filter((pair) => pair !== undefined && pair.similarity >= settings.minhash.threshold);
  console.log(
    `planted ${script}  ${documents.length} documents clustered in ${((user + system) / 1e6).toFixed(2)} s; ` +
      `recall exact ${recall("exact")}, near ${recall("near")}; precision ${share(right.length, said.length)}`,
  );
}
