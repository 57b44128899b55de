import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { killedAfter } from "../../../test/helpers/killed-after.ts";
import { nuwa, startNuwa } from "../test-cli.ts";
import { seeded, writeCorpus } from "../test-corpus.ts";

const recipe = `
name: sw
shard_mb: 0.05
threads: 1
sweep:
  variants:
    - id: base
      set: {}
    - id: fast
      set: { pretrain.optimizer.learning_rate: 0.01 }
    - id: larger-vocabulary
      set: { tokenizer.vocab_size: 320 }
    - id: larger-vocabulary-fast
      set: { tokenizer.vocab_size: 320, pretrain.optimizer.learning_rate: 0.01 }
collect: {sources: [{files: texts}]}
extract:
clean:
tokenizer: {vocab_size: 300}
pack: {val_share: 0.1}
pretrain:
  model: {num_hidden_layers: 1, hidden_size: 16, num_attention_heads: 2}
  context: 16
  batch: 2
  steps: 4
  optimizer: {name: adamw}
  eval_every: 2
  eval_tokens: 64
  checkpoint_every: 2
  sample_every: 0
  device: reference
samples: ["the"]
`;

let folder: string;
const at = (...parts: string[]): string => path.join(folder, ...parts);
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "nuwa-sweep-"));
  writeCorpus(at("texts"), 40);
  writeFileSync(at("r.yaml"), recipe);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** All that a sweep wrote, but for times: hashes of files, where links lead. */
function tree(root: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const name = path.relative(root, file);
    if (entry.isSymbolicLink()) files[name] = readlinkSync(file);
    // Manifests, pages and TensorBoard's events are made of times, and the last are named after them.
    const isTimes =
      ["manifest.json", "report.html"].includes(entry.name) || name.split(path.sep).includes("tensorboard");
    if (!entry.isFile() || isTimes) continue;
    let text = readFileSync(file, "latin1");
    if (["metrics.jsonl", "state.json"].includes(entry.name)) {
      text = text.replaceAll(/"(elapsed_s|tokens_per_s|sha256)":\s*("[^"]*"|[-\d.e]+)/g, "");
    }
    files[name] = createHash("sha256").update(text).digest("hex");
  }
  return files;
}

const manifestOf = (...parts: string[]): { stages: Record<string, { key: string; output: string }> } =>
  JSON.parse(readFileSync(at(...parts, "manifest.json"), "utf8"));

describe("a sweep", () => {
  test("does the data once, trains each variant in a run of its own, and compares them", { timeout: 120_000 }, () => {
    const { code, stdout, stderr } = nuwa(["sweep", "r.yaml", "--dir", "whole", "--json"], folder);
    expect(stderr).not.toContain("nuwa:");
    expect(code).toBe(0);
    const { variants } = JSON.parse(stdout);
    expect(variants.map(({ id, status }: { id: string; status: string }) => [id, status])).toEqual([
      ["base", "done"],
      ["fast", "done"],
      ["larger-vocabulary", "done"],
      ["larger-vocabulary-fast", "done"],
    ]);
    expect(variants[0].summary.stages.pretrain.summary.val_loss).toBeGreaterThan(0);
    for (const stage of ["collect", "extract", "clean"]) expect(stderr.split(`✓ ${stage}`)).toHaveLength(2);
    // A variant with another vocabulary makes its own tokens, and the next with the same takes them from there.
    for (const stage of ["tokenizer", "pack"]) expect(stderr.split(`✓ ${stage}`)).toHaveLength(3);
    const link = (...parts: string[]): string => readlinkSync(at("whole/variants", ...parts));
    expect(link("fast", "tokens")).toBe("../../tokens");
    expect(link("larger-vocabulary", "data/clean")).toBe("../../../data/clean");
    expect(link("larger-vocabulary-fast", "tokens")).toBe("../larger-vocabulary/tokens");
    expect(() => link("larger-vocabulary", "tokens")).toThrow("EINVAL");

    const page = readFileSync(at("whole/report.html"), "utf8");
    for (const text of ["Variants", "larger-vocabulary-fast", "tokenizer.vocab_size", "held-out loss", "<svg"])
      expect(page).toContain(text);
  });

  test("leaves variants that are runs like others, and says what a sweep is not", { timeout: 120_000 }, () => {
    const written = nuwa(["generate", "whole/variants/fast", "-p", "the", "-n", "3", "-t", "0"], folder);
    expect([written.code, written.stderr]).toEqual([0, ""]);
    expect(nuwa(["data", "report", "whole/variants/fast"], folder).stdout).toMatch(/collect +36 /);
    const again = nuwa(["run", "whole/variants/fast"], folder);
    expect(again.stderr).not.toContain("✓");
    expect(again.code).toBe(0);
    expect(nuwa(["generate", "whole"], folder).stderr).toMatch(/whole: expected a model, got a sweep .*variants/);
    expect(nuwa(["run", "r.yaml"], folder).stderr).toMatch(/r\.yaml: this recipe is a sweep .*nuwa sweep/);
    expect(nuwa(["report", "whole"], folder).stdout).toBe("whole/report.html\n");
    expect(readFileSync(at("whole/report.html"), "utf8")).toContain("larger-vocabulary-fast");
  });

  test("killed with SIGKILL again and again, it ends with the same bytes", { timeout: 400_000 }, async () => {
    const random = seeded(Number(process.env["NUWA_KILL_SEED"] ?? 11));
    const options = ["sweep", "r.yaml", "--dir", "killed"];
    const signs = ["manifest.json", "sweep.json", "variants/base/metrics.jsonl", "variants/fast/manifest.json"];
    const later = ["variants/larger-vocabulary/manifest.json", "variants/larger-vocabulary-fast/manifest.json"];
    let kills = 0;
    for (const sign of [...signs, ...later]) {
      const moment = 1 + Math.floor(random() * 40);
      const child = startNuwa(options, folder, killedAfter(moment, at("killed", sign)));
      const [code] = (await once(child, "exit")) as [number | null];
      if (code === null) kills++;
    }
    expect(kills).toBeGreaterThan(3);
    const last = nuwa(options, folder);
    expect(last.stderr).not.toContain("nuwa:");
    expect(last.code).toBe(0);
    expect(tree(at("killed"))).toEqual(tree(at("whole")));
  });

  test(
    "a variant that fails is named and does not stop the others; mended, it is tried again",
    { timeout: 120_000 },
    () => {
      const options = ["sweep", "r.yaml", "--dir", "killed", "--vary", "pretrain.clip=1,2"];
      const broken = nuwa(
        [
          ...options,
          "--set",
          "sweep.variants=[{id: hot, set: {pretrain.optimizer.learning_rate: 1e30}}, {id: base, set: {}}]",
        ],
        folder,
      );
      expect(broken.code).toBe(1);
      expect(broken.stderr.trim().split("\n").at(-1)).toMatch(
        /^nuwa: killed: 2 of 4 variants failed: hot_clip-1: .*finite.*hot_clip-2: /,
      );
      expect(broken.stdout).toMatch(/hot_clip-1 .*failed\n/);
      expect(broken.stdout).toMatch(/base_clip-2 .*done\n/);
      expect(readFileSync(at("killed/report.html"), "utf8")).toContain("hot_clip-1 failed:");
      const mended = nuwa(
        [...options, "--fresh", "--set", "sweep.variants=[{id: hot, set: {pretrain.optimizer.learning_rate: 0.02}}]"],
        folder,
      );
      expect(mended.stderr).not.toContain("nuwa:");
      expect(mended.code).toBe(0);
    },
  );

  test("data made anew for the sweep do not pass for a variant's old ones", { timeout: 120_000 }, () => {
    const before = manifestOf("whole/variants/base").stages["pack"];
    const changed = nuwa(["sweep", "r.yaml", "--dir", "whole", "--set", "pack.val_share=0.2"], folder);
    expect(changed.code).toBe(1);
    expect(changed.stderr).toMatch(/base: .*"pretrain" here was trained with other settings: its input "pack" changed/);
    expect(nuwa(["sweep", "r.yaml", "--dir", "whole", "--set", "pack.val_share=0.2", "--fresh"], folder).code).toBe(0);
    expect(manifestOf("whole/variants/base").stages["pack"]?.output).not.toBe(before?.output);
    expect(manifestOf("whole/variants/base").stages["pack"]).toEqual(manifestOf("whole").stages["pack"]);
    // One that keeps the old setting makes its own tokens beside the new ones.
    const keeps = "sweep.variants=[{id: base, set: {pack.val_share: 0.1}}]";
    const kept = nuwa(
      ["sweep", "r.yaml", "--dir", "whole", "--set", "pack.val_share=0.2", "--set", keeps, "--fresh"],
      folder,
    );
    expect(kept.code).toBe(0);
    expect(manifestOf("whole/variants/base").stages["pack"]?.output).toBe(before?.output);
    expect(existsSync(at("whole/variants/base/tokens/meta.json"))).toBe(true);
    expect(() => readlinkSync(at("whole/variants/base/tokens"))).toThrow("EINVAL");
  });

  test(
    "keeps documents until every variant is done, and a variant deletes none that are not its own",
    { timeout: 120_000 },
    () => {
      const options = ["sweep", "r.yaml", "--dir", "lean", "--set", "keep_data=none"];
      const { code, stderr } = nuwa(options, folder);
      expect([code, stderr.includes("made again")]).toEqual([0, false]);
      const documents = readdirSync(at("lean/data/clean")).filter((name) => name.startsWith("shard-"));
      expect(documents.filter((name) => !name.endsWith(".json"))).toEqual([]);
      expect(tree(at("lean/variants/fast/checkpoints"))).toEqual(tree(at("killed/variants/fast/checkpoints")));
      // A variant that comes later and needs the documents makes them again for itself.
      const more = "sweep.variants=[{id: base, set: {}}, {id: smaller-vocabulary, set: {tokenizer.vocab_size: 290}}]";
      const later = nuwa([...options, "--set", more], folder);
      expect([later.code, later.stderr.includes("made again")]).toEqual([0, true]);
      expect(() => readlinkSync(at("lean/variants/smaller-vocabulary/data/clean"))).toThrow("EINVAL");
    },
  );

  test("in progress is not written by another", () => {
    writeFileSync(at("whole/.lock"), JSON.stringify({ pid: 1, host: "another-machine", started: "now" }));
    expect(nuwa(["sweep", "r.yaml", "--dir", "whole"], folder).stderr).toContain("being written by process 1");
    rmSync(at("whole/.lock"));
    writeFileSync(at("whole/variants/base/.lock"), JSON.stringify({ pid: 1, host: "another-machine", started: "now" }));
    const { stderr } = nuwa(["sweep", "r.yaml", "--dir", "whole", "--set", "pack.val_share=0.2"], folder);
    expect(stderr).toMatch(/variants failed: base: .*being written by process 1/);
  });
});
