import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { killedAfter } from "../../test/helpers/killed-after.ts";
import { nuwa, startNuwa } from "./test-cli.ts";
import { seeded, writeCorpus } from "./test-corpus.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "nuwa-resume-"));
  writeCorpus(path.join(folder, "texts"), 400);
  writeFileSync(path.join(folder, "r.yaml"), recipe);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const recipe = `
shard_mb: 0.02
collect: {sources: [{files: texts}]}
extract:
clean:
filter:
dedup:
substring: {min_tokens: 10}
tokenizer: {vocab_size: 400}
pack: {val_share: 0.1}
`;

/** Hashes of all that stages wrote. Times stand only in the manifest and the report. */
function tree(root: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const name = path.relative(root, file);
    if (!entry.isFile() || ["manifest.json", "report.html"].includes(name)) continue;
    files[name] = createHash("sha256").update(readFileSync(file)).digest("hex");
  }
  return files;
}

describe("a run of the data stages", () => {
  test(
    "killed at random moments ends with the same bytes as one that was not, with another number of threads",
    { timeout: 300_000 },
    async () => {
      const whole = nuwa(["run", "r.yaml", "--dir", "whole", "--set", "threads=1"], folder);
      expect(whole.stderr).not.toContain("nuwa:");
      expect(whole.code).toBe(0);
      const expected = tree(path.join(folder, "whole"));
      // The corpus gives each stage something to do, in more than one shard.
      for (const stage of ["collect", "extract", "clean", "filter", "dedup", "substring"]) {
        expect(expected[`data/${stage}/shard-00003.json`]).toBeDefined();
      }
      expect(Object.keys(expected).some((name) => name.startsWith("data/filter/ledger-"))).toBe(true);
      expect(Object.keys(expected).some((name) => name.startsWith("data/dedup/ledger-"))).toBe(true);

      const random = seeded(20);
      let kills = 0;
      for (let attempt = 0; attempt < 60; attempt++) {
        const options = ["run", "r.yaml", "--dir", "killed", "--set", "threads=2"];
        // From the 12th time on it may end.
        const moment = 1 + Math.floor(random() * 150);
        const child = startNuwa(options, folder, attempt < 12 ? killedAfter(moment) : {});
        const [code] = (await once(child, "exit")) as [number | null];
        if (code === 0) break;
        kills++;
      }
      expect(kills).toBeGreaterThan(3);
      const found = tree(path.join(folder, "killed"));
      // The recipe says where it was run with other threads.
      delete expected["recipe.yaml"];
      delete found["recipe.yaml"];
      expect(found).toEqual(expected);
    },
  );

  test("Ctrl-C stops cleanly, exits with 130, and the run goes on", { timeout: 120_000 }, async () => {
    const child = startNuwa(["run", "r.yaml", "--dir", "stopped"], folder);
    const ended = once(child, "exit");
    let said = "";
    child.stderr?.on("data", (piece: Buffer) => {
      const before = said;
      said += piece.toString();
      if (!before.includes("collect") && said.includes("collect")) child.kill("SIGINT");
    });
    const [code] = (await ended) as [number | null];
    expect(said).toContain("run the same command again");
    expect(code).toBe(130);
    expect(nuwa(["run", "r.yaml", "--dir", "stopped"], folder).code).toBe(0);
    const [one, other] = [tree(path.join(folder, "stopped")), tree(path.join(folder, "whole"))];
    delete one["recipe.yaml"];
    delete other["recipe.yaml"];
    expect(one).toEqual(other);
  });

  test(
    "run again it does nothing; with a changed stage it redoes that and what depends on it",
    { timeout: 120_000 },
    () => {
      const again = nuwa(["run", "r.yaml", "--dir", "whole"], folder);
      expect(again.stderr.match(/done before/g)).toHaveLength(8);
      const changed = nuwa(["run", "r.yaml", "--dir", "whole", "--set", "filter.english.min_words=100"], folder);
      expect(changed.stderr).toMatch(/clean +done before/);
      expect(changed.stderr).toMatch(/✓ filter/);
      expect(changed.stderr).toMatch(/✓ pack/);
      const funnel = nuwa(["data", "report", "whole"], folder).stdout;
      expect(funnel).toMatch(/^stage +documents/);
      const removed = nuwa(
        ["data", "removed", "whole", "--rule", "min_words", "--json", "--limit", "1"],
        folder,
      ).stdout;
      const entry = JSON.parse(removed) as { id: string; rule: string; value: number; threshold: number };
      expect(entry).toMatchObject({ rule: "min_words", threshold: 100 });
      expect(entry.value).toBeLessThan(100);
      const why = nuwa(["data", "why", "whole", entry.id], folder).stdout;
      expect(why).toMatch(/filter +removed: rule min_words/);
      expect(why).toContain("✗ min_words");
      const pairs = nuwa(["data", "pairs", "whole", "--pairs", "3"], folder).stdout;
      expect(pairs.trim().split("\n")).toHaveLength(3);
    },
  );
});
