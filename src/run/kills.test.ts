import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { killedAfter } from "../../test/helpers/killed-after.ts";
import { nuwa, startNuwa } from "./test-cli.ts";
import { seeded, writeCorpus } from "./test-corpus.ts";

const recipe = `
shard_mb: 0.03
memory_mb: 1
collect:
  sources:
    - {files: texts}
    - {files: pages.jsonl, meta: {url: "{url}"}}
extract:
clean:
filter:
spelling: {margin: 1}
harm:
perplexity: {reference: [good.txt], max_perplexity: 100000}
privacy:
dedup:
lines: {lines: {min_documents: 4}}
substring: {min_tokens: 12}
bias:
decontaminate: {benchmarks: [exam.txt]}
tokenizer: {vocab_size: 400}
pack: {val_share: 0.1}
`;
/** The data stages, in order, each with a change of its settings. */
const STAGES: readonly [stage: string, change: string][] = [
  ["collect", "shard_mb=0.04"],
  ["extract", "extract.min_chars=30"],
  ["clean", "clean.emoji=remove"],
  ["filter", "filter.english.min_words=80"],
  ["spelling", "spelling.min_letters=5"],
  ["harm", "harm.max_density=0.5"],
  ["perplexity", "perplexity.max_perplexity=2000"],
  ["privacy", "privacy.email=remove"],
  ["dedup", "dedup.keep=first"],
  ["lines", "lines.lines.min_documents=3"],
  ["substring", "substring.min_tokens=20"],
  ["bias", "bias.max_log_odds=0.5"],
  ["decontaminate", "decontaminate.words=8"],
  ["tokenizer", "tokenizer.vocab_size=390"],
  ["pack", "pack.val_share=0.2"],
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "nuwa-kills-"));
  writeCorpus(path.join(folder, "texts"), 200);
  writeFileSync(path.join(folder, "r.yaml"), recipe);
  writePages();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Records with something for the stages that writeCorpus has nothing for. */
function writePages(): void {
  const random = seeded(3);
  const names = "river stone the of and to harvest silver market that with have bridge mountain be in".split(" ");
  const words = (count: number): string =>
    Array.from({ length: count }, () => names[Math.floor(random() * names.length)] ?? "the").join(" ");
  const passages = Array.from({ length: 6 }, () => words(30));
  const records = Array.from({ length: 160 }, (_, n) => {
    const passage = passages[n % 6] ?? "";
    const contact = n % 3 === 0 ? ` Write to reader${n}@example.org or call +1 415 555 2671.` : "";
    const text = [
      `${words(70)}. The woman went with her mother to the ${n === 80 ? "moumtain" : "office"}.`,
      `Subscribe to our weekly letter and read more of it`,
      `${words(20)} ${n % 4 === 0 ? passage : words(30)} ${words(20)}.${contact}`,
      n % 5 === 0 ? "What is the boiling point of water at the level of the sea in degrees" : words(12),
    ].join("\n\n");
    return JSON.stringify({ text, url: `http://www.example.org/${n % 150}/?utm_source=${n}` });
  });
  writeFileSync(path.join(folder, "pages.jsonl"), `${records.join("\n")}\n`);
  writeFileSync(path.join(folder, "good.txt"), Array.from({ length: 40 }, () => `${words(12)}.`).join("\n"));
  writeFileSync(
    path.join(folder, "exam.txt"),
    "What is the boiling point of water at the level of the sea in degrees Celsius, and why?\n",
  );
}

/** Hashes of all that stages wrote. Times stand only in the manifest and the report; the recipe holds the threads. */
function tree(name: string): Record<string, string> {
  const root = path.join(folder, name);
  const files: Record<string, string> = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const relative = path.relative(root, file);
    if (!entry.isFile() || ["manifest.json", "report.html", "recipe.yaml"].includes(relative)) continue;
    files[relative] = createHash("sha256").update(readFileSync(file)).digest("hex");
  }
  return files;
}

/** What is on the disk once the stage before this one has ended. */
function signOf(stage: string, name: string): string {
  const before = STAGES[STAGES.findIndex(([other]) => other === stage) - 1]?.[0];
  if (before === undefined) return path.join(folder, name, "manifest.json");
  if (before === "tokenizer") return path.join(folder, name, "tokenizer", "tokenizer_config.json");
  return path.join(folder, name, "data", before, "statistics.json");
}

describe("all data stages", () => {
  test("each stage has something to do in this corpus", { timeout: 120_000 }, () => {
    const whole = nuwa(["run", "r.yaml", "--dir", "whole", "--set", "threads=1"], folder);
    expect(whole.stderr).not.toContain("nuwa:");
    expect(whole.code).toBe(0);
    for (const stage of ["filter", "privacy", "dedup", "lines", "substring", "decontaminate", "spelling"]) {
      const ledgers = Object.keys(tree("whole")).filter((name) => name.startsWith(`data/${stage}/ledger-`));
      expect(ledgers.length, stage).toBeGreaterThan(0);
    }
    const rules = nuwa(["data", "removed", "whole"], folder).stdout;
    for (const rule of ["url", "minhash"]) expect(rules).toContain(rule);
  });

  test(
    "killed with SIGKILL in every stage, with other threads and memory, the run ends with the same bytes",
    { timeout: 400_000 },
    async () => {
      const random = seeded(Number(process.env["NUWA_KILL_SEED"] ?? 31));
      const options = ["run", "r.yaml", "--dir", "killed", "--set", "threads=2", "--set", "memory_mb=3"];
      let kills = 0;
      for (const [stage] of STAGES) {
        const sign = signOf(stage, "killed");
        for (let round = 0; round < 2; round++) {
          // In the second round the sign is there already, and the process has still to begin again.
          const moment = 1 + Math.floor(random() * (round === 0 ? 40 : 80));
          const child = startNuwa(options, folder, killedAfter(moment, sign));
          const [code] = (await once(child, "exit")) as [number | null];
          if (code === null) kills++;
        }
      }
      expect(kills).toBeGreaterThan(STAGES.length);
      const last = nuwa(options, folder);
      expect(last.code).toBe(0);
      expect(tree("killed")).toEqual(tree("whole"));
    },
  );

  test("changed settings redo their stage and none before it", { timeout: 400_000 }, () => {
    const documentStages = STAGES.filter(([name]) => name !== "tokenizer" && name !== "pack").entries();
    for (const [index, [stage, change]] of documentStages) {
      const { stderr, code } = nuwa(["data", stage, "r.yaml", "--dir", "whole", "--set", change], folder);
      expect(code, `${stage}: ${stderr}`).toBe(0);
      const isSkipped = (name: string): boolean => new RegExp(`· ${name} +done before`, "u").test(stderr);
      // What the change before this one touched is back to what it was, and is redone too.
      for (const [name] of STAGES.slice(0, Math.max(0, index - 1)))
        expect(isSkipped(name), `${name}, ${change}`).toBe(true);
      for (const [name] of STAGES.slice(Math.max(0, index - 1), index + 1)) expect(isSkipped(name), change).toBe(false);
    }
    // Back to the beginning: the same bytes again.
    expect(nuwa(["run", "r.yaml", "--dir", "whole", "--set", "threads=1"], folder).code).toBe(0);
    expect(tree("whole")).toEqual(tree("killed"));
  });
});
