// Training and encoding speed on one core, beside Hugging Face tokenizers and tiktoken on the same text in the same run.
//   node dist/bench/tokenizer.js [file or folder …]
// The peers run in the Python that NUWA_PYTHON names; without it only our own figures are printed. CPU time throughout.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  preTokenizerPatterns,
  trainBpe,
  trainUnigram,
  trainWordPiece,
  type PreTokenizerName,
  type Tokenizer,
} from "../src/tokenizer/index.ts";
import { corpus, megabytesPerSecond } from "./corpus.ts";

const vocabSizes = [8192, 32768];

/** Seconds of CPU time, garbage collection included. */
async function seconds(run: () => Promise<void>): Promise<number> {
  const start = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

function peers(task: object): Record<string, unknown> | undefined {
  const python = process.env["NUWA_PYTHON"];
  if (python === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "nuwa-bench-"));
  const file = join(folder, "task.json");
  writeFileSync(file, JSON.stringify(task));
  const { stdout, stderr } = spawnSync(python, ["bench/tokenizer_peer.py", file], { encoding: "utf8" });
  rmSync(folder, { recursive: true });
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

function show(label: string, ours: number, theirs: unknown, unit: string, higherIsBetter: boolean): void {
  const ratio = typeof theirs === "number" ? (higherIsBetter ? ours / theirs : theirs / ours) : undefined;
  const peer =
    typeof theirs === "number" && ratio !== undefined ? `, peer ${theirs.toFixed(1)}, ${ratio.toFixed(2)} x` : "";
  console.log(`${label}: ${ours.toFixed(1)} ${unit}${peer}`);
}

/** The other kinds, trained on a part of the text, beside byte-level BPE on the same. */
async function otherKinds(name: string, texts: readonly string[], bytes: number, byteLevel: number): Promise<void> {
  const part = texts.filter((_, i) => i % 4 === 0);
  const kinds = {
    wordpiece: await trainWordPiece(part, { vocabSize: 8192 }),
    unigram: await trainUnigram(part, { vocabSize: 8192 }),
  };
  for (const [kind, tokenizer] of Object.entries(kinds)) {
    const speed = megabytesPerSecond(bytes, () => {
      for (const text of texts) tokenizer.encode(text);
    });
    console.log(`${name} ${kind}: encode ${speed.toFixed(1)} MB/s, byte-level BPE ${(byteLevel / speed).toFixed(1)} x`);
  }
}

for (const { name, documents, bytes } of corpus(process.argv.slice(2))) {
  const texts = documents.map(({ text }) => text);
  const preTokenizers: PreTokenizerName[] = name.startsWith("zh") ? ["gpt4", "chinese"] : ["gpt4"];
  for (const preTokenizer of preTokenizers) {
    const title = `${name} ${(bytes / 1e6).toFixed(1)} MB ${preTokenizer}`;
    const trained: { tokenizer: Tokenizer; time: number }[] = [];
    for (const vocabSize of vocabSizes) {
      let tokenizer: Tokenizer | undefined;
      const time = await seconds(async () => {
        tokenizer = await trainBpe(texts, { vocabSize, preTokenizer });
      });
      if (tokenizer !== undefined) trained.push({ tokenizer, time });
    }
    const tokenizer = trained.at(-1)?.tokenizer;
    if (tokenizer === undefined) continue;
    let tokens = 0;
    const encoding = megabytesPerSecond(bytes, () => {
      tokens = 0;
      for (const text of texts) tokens += tokenizer.encode(text).length;
    });
    const theirs = peers({
      documents: texts,
      tokenizer: tokenizer.toJSON(),
      pattern: preTokenizerPatterns[preTokenizer],
      vocabSizes,
    });
    trained.forEach(({ time }, i) => {
      show(`${title}: train ${vocabSizes[i]}`, time, theirs?.[`train_${vocabSizes[i]}`], "s", false);
    });
    show(`${title}: encode, beside tokenizers`, encoding, theirs?.["tokenizers"], "MB/s", true);
    show(`${title}: encode, beside tiktoken`, encoding, theirs?.["tiktoken"], "MB/s", true);
    console.log(`${title}: ${(bytes / tokens).toFixed(2)} bytes a token`);
    if (preTokenizer === "gpt4") await otherKinds(name, texts, bytes, encoding);
  }
  console.log(`memory: ${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB`);
}
