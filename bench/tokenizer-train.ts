// Training 32,768 merges on 100 MB of English and of Chinese, on all cores, beside Hugging Face tokenizers on the same
// documents in the same run.
//   node dist/bench/tokenizer-train.js [megabytes]
// The books beside the repository are shorter: their sentences are shuffled, again and again, until there is enough, so
// the number of different pieces is that of the books. The peer runs in the Python that NUWA_PYTHON names.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { preTokenizerPatterns, trainBpe, type PreTokenizerName } from "../src/tokenizer/index.ts";
import { corpus } from "./corpus.ts";

const megabytes = Number(process.argv[2] ?? 100);
const vocabSize = 32_768;

/** Documents of some 4,000 bytes, of sentences in a shuffled order that is the same in every run. */
function enlarged(texts: readonly string[], bytes: number): string[] {
  const sentences = texts.flatMap((text) => text.match(/[^.!?。！？]+[.!?。！？]*["”’]?\s*/gu) ?? []);
  const documents: string[] = [];
  let state = 1;
  let size = 0;
  while (size < bytes) {
    let part = "";
    while (part.length < 3000) {
      state = (state * 48271) % 2147483647;
      part += sentences[state % sentences.length] ?? "";
    }
    documents.push(part);
    size += Buffer.byteLength(part);
  }
  return documents;
}

const peer = `
import json, sys, time, resource
from tokenizers import Tokenizer, Regex, models, pre_tokenizers, trainers
task = json.load(open(sys.argv[1], encoding="utf8"))
t = Tokenizer(models.BPE())
t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(task["pattern"]), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
wall, cpu = time.time(), time.process_time()
t.train_from_iterator(task["documents"], trainers.BpeTrainer(vocab_size=task["vocabSize"], min_frequency=2, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
print(json.dumps([time.time() - wall, time.process_time() - cpu]))
`;

for (const { name, documents } of corpus([])) {
  const texts = enlarged(
    documents.map(({ text }) => text),
    megabytes * 1e6,
  );
  const preTokenizers: PreTokenizerName[] = name === "zh" ? ["gpt4", "chinese"] : ["gpt4"];
  for (const preTokenizer of preTokenizers) {
    const before = process.cpuUsage();
    const start = performance.now();
    let counted = start;
    await trainBpe(texts, {
      vocabSize,
      preTokenizer,
      onProgress: ({ phase }) => {
        if (phase === "count") counted = performance.now();
      },
    });
    const wall = (performance.now() - start) / 1e3;
    const { user, system } = process.cpuUsage(before);
    const cpu = (user + system) / 1e6;
    const title = `${name} ${megabytes} MB ${preTokenizer}`;
    console.log(
      `${title}: ${wall.toFixed(1)} s (reading and counting ${((counted - start) / 1e3).toFixed(1)}), ${cpu.toFixed(1)} s of CPU`,
    );
    const python = process.env["NUWA_PYTHON"];
    if (python === undefined) continue;
    const folder = mkdtempSync(join(tmpdir(), "nuwa-bench-"));
    const file = join(folder, "task.json");
    writeFileSync(file, JSON.stringify({ documents: texts, vocabSize, pattern: preTokenizerPatterns[preTokenizer] }));
    const { stdout, stderr } = spawnSync(python, ["-c", peer, file], { encoding: "utf8" });
    rmSync(folder, { recursive: true });
    if (stdout === "") throw new Error(stderr);
    const [theirWall = 0, theirCpu = 0] = JSON.parse(stdout) as number[];
    console.log(
      `${title}: Hugging Face ${theirWall.toFixed(1)} s, ${theirCpu.toFixed(1)} s of CPU: ${(theirWall / wall).toFixed(2)} x, CPU ${(theirCpu / cpu).toFixed(2)} x`,
    );
  }
  console.log(`peak memory ${(process.resourceUsage().maxRSS / 1e3).toFixed(0)} MB, the documents included`);
}
