// Speed of deduplication on one core: signatures beside datatrove's, where `--python` names a Python that has it; then
// clustering, and its recall and precision on planted duplicates.
// `npm run bench -- minhash [--python python3] [file or folder …]`
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { corpus, megabytesPerSecond } from "./corpus.ts";
import { DedupIndex, createSigner, dedupSettings } from "../src/data/dedup/documents/index.ts";
import { plantedCorpus } from "../src/data/dedup/documents/planted.ts";

const settings = dedupSettings.parse({});
const fineweb = dedupSettings.parse({ minhash: { bands: 14, rows: 8 } });
const { values, positionals } = parseArgs({ options: { python: { type: "string" } }, allowPositionals: true });

/** datatrove's signatures of the same texts, in MB/s of processor time; undefined where it cannot run. */
function peer(texts: readonly { text: string }[]): number | undefined {
  const script = ["bench/minhash_peer.py", "../bench/minhash_peer.py"].find((file) => existsSync(file));
  if (values.python === undefined || script === undefined) return undefined;
  const input = texts.map(({ text }) => JSON.stringify({ text })).join("\n");
  const { stdout, stderr, status } = spawnSync(values.python, [script], { input, encoding: "utf8" });
  if (status === 0) return (JSON.parse(stdout) as { megabytesPerSecond: number }).megabytesPerSecond;
  process.stderr.write(`datatrove did not run: ${stderr.trim().split("\n").at(-1) ?? ""}\n`);
  return undefined;
}

for (const { name, documents, bytes } of corpus(positionals)) {
  // Its speed does not depend on how much there is; 400 documents take it some seconds.
  const theirs = peer(documents.slice(0, 400));
  for (const [label, chosen] of [
    ["20 bands of 6", settings],
    ["14 bands of 8", fineweb],
  ] as const) {
    const signer = createSigner(chosen);
    const speed = megabytesPerSecond(bytes, () => {
      for (const document of documents) signer.signature(document);
    });
    const beside =
      label === "14 bands of 8" && theirs !== undefined
        ? `, datatrove ${theirs.toFixed(2)} MB/s: ${(speed / theirs).toFixed(1)} times`
        : "";
    console.log(`${name}  signatures, ${label}: ${speed.toFixed(1)} MB/s${beside}`);
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
