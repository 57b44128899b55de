import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { killedAfter } from "../../test/helpers/killed-after.ts";
import { nuwa, startNuwa } from "./test-cli.ts";
import { seeded, writeCorpus } from "./test-corpus.ts";

const recipe = `
shard_mb: 0.02
collect: {sources: [{files: texts}]}
extract:
clean:
filter:
dedup:
tokenizer: {vocab_size: 300}
pack: {val_share: 0.1}
`;
const STAGES = ["collect", "extract", "clean", "filter", "dedup"];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "nuwa-keep-"));
  writeCorpus(path.join(folder, "texts"), 120);
  writeFileSync(path.join(folder, "r.yaml"), recipe);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (name: string, ...set: string[]) =>
  nuwa(["run", "r.yaml", "--dir", name, ...set.flatMap((assignment) => ["--set", assignment])], folder);

function files(name: string, stage: string): string[] {
  return readdirSync(path.join(folder, name, "data", stage));
}

/** How many shards of each stage are on the disk. */
function shards(name: string): Record<string, number> {
  const isShard = (file: string): boolean => file.endsWith(".jsonl.br");
  return Object.fromEntries(STAGES.map((stage) => [stage, files(name, stage).filter(isShard).length]));
}

/** Hashes of all that is on the disk but documents, times, and what says that documents were deleted. */
function rest(name: string): Record<string, string> {
  const root = path.join(folder, name);
  const found: Record<string, string> = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const relative = path.relative(root, file);
    const isLeftOut = ["manifest.json", "report.html", "recipe.yaml"].includes(relative);
    if (!entry.isFile() || isLeftOut || /(?:\.jsonl\.br|released\.json)$/u.test(relative)) continue;
    found[relative] = createHash("sha256").update(readFileSync(file)).digest("hex");
  }
  return found;
}

test(
  "all keeps every stage's documents, last those of the last stage, none none; all else is the same",
  { timeout: 200_000 },
  () => {
    for (const keep of ["all", "last", "none"]) expect(run(keep, `keep_data=${keep}`).code).toBe(0);
    const all = shards("all");
    for (const stage of STAGES) expect(all[stage], stage).toBeGreaterThan(2);
    expect(shards("last")).toEqual({ collect: 0, extract: 0, clean: 0, filter: 0, dedup: all["dedup"] });
    expect(shards("none")).toEqual({ collect: 0, extract: 0, clean: 0, filter: 0, dedup: 0 });
    expect(rest("last")).toEqual(rest("all"));
    expect(rest("none")).toEqual(rest("all"));
  },
);

test("what happened to a document can still be asked", { timeout: 200_000 }, () => {
  interface Way {
    readonly steps: readonly { readonly stage: string; readonly outcome: string; readonly characters?: number }[];
  }
  const why = (name: string, id: string): Way =>
    JSON.parse(nuwa(["data", "why", name, id, "--json"], folder).stdout) as Way;
  const outcomes = ({ steps }: Way): string[] => steps.map(({ stage, outcome }) => `${stage} ${outcome}`);
  const removed = (stage: string): { id: string } =>
    JSON.parse(nuwa(["data", "removed", "last", "--stage", stage, "--json", "--limit", "1"], folder).stdout.trim()) as {
      id: string;
    };
  for (const [stage, before] of [
    ["filter", ["collect", "extract", "clean"]],
    ["dedup", ["collect", "extract", "clean", "filter"]],
  ] as const) {
    const { id } = removed(stage);
    expect(outcomes(why("last", id))).toEqual([...before.map((name) => `${name} kept`), `${stage} removed`]);
    expect(outcomes(why("all", id)).at(-1)).toBe(`${stage} removed`);
  }
  const kept = why("last", "texts/0004.html");
  expect(kept.steps.map(({ stage }) => stage)).toEqual(STAGES);
  expect(kept.steps.at(-1)?.characters).toBe(why("all", "texts/0004.html").steps.at(-1)?.characters);
  expect(nuwa(["data", "report", "none"], folder).code).toBe(0);
});

test(
  "run again it does nothing; documents that are needed again are made again, which is said",
  { timeout: 200_000 },
  () => {
    const again = run("last", "keep_data=last");
    expect(again.stderr.match(/done before/g)).toHaveLength(7);
    const change = "filter.english.min_words=60";
    const changed = run("last", "keep_data=last", change);
    expect(changed.code).toBe(0);
    expect(changed.stderr).toContain('the documents of "clean" were deleted (keep_data); "filter" needs them');
    expect(changed.stderr).toContain('the documents of "collect" were deleted (keep_data); "extract" needs them');
    expect(shards("last")).toMatchObject({ collect: 0, extract: 0, clean: 0, filter: 0 });
    expect(run("all", change).code).toBe(0);
    expect(rest("last")).toEqual(rest("all"));
  },
);

test(
  "killed while documents are deleted and made again, it ends with the same bytes",
  { timeout: 200_000 },
  async () => {
    const random = seeded(5);
    const options = ["run", "r.yaml", "--dir", "last", "--set", "keep_data=last", "--set", "threads=2"];
    for (let attempt = 0; attempt < 40; attempt++) {
      const moment = 1 + Math.floor(random() * 120);
      const child = startNuwa(
        [...options, "--set", "filter.english.min_words=40"],
        folder,
        attempt < 10 ? killedAfter(moment) : {},
      );
      const [code] = (await once(child, "exit")) as [number | null];
      if (code === 0) break;
    }
    expect(
      nuwa([...options, "--set", "filter.english.min_words=40"], folder).stderr.match(/done before/g),
    ).toHaveLength(7);
    expect(run("all", "filter.english.min_words=40").code).toBe(0);
    expect(rest("last")).toEqual(rest("all"));
    expect(shards("last")["dedup"]).toBe(shards("all")["dedup"]);
    expect(existsSync(path.join(folder, "last/data/clean/released.json"))).toBe(true);
  },
);
