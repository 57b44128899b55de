// The loss of 500 steps on tiny Shakespeare in bfloat16, beside float32 with three seeds: rounding must matter less
// than the seed does.
//   npm run bench -- precision [path of input.txt]
// Exits with 1 when some held-out loss of bfloat16 is further from float32's with the same seed than the seeds are
// from each other at that step.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MetricsLine } from "../src/train/metrics/metrics.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const text = process.argv[2] ?? join(root, "..", "shared", "data", "tinyshakespeare", "input.txt");
const seeds = [1, 2, 3];
const work = mkdtempSync(join(tmpdir(), "nuwa-precision-"));

/** Held-out losses by step. */
function curve(precision: "float32" | "bfloat16", seed: number): Map<number, number> {
  const folder = join(work, `${precision}-${seed}`);
  const settings = {
    "collect.sources.0.files": text,
    "pretrain.steps": 500,
    "pretrain.eval_every": 50,
    "pretrain.sample_every": 0,
    "pretrain.precision": precision,
    seed,
  };
  const sets = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const command = [join(root, "dist", "src", "cli", "main.js"), "run", "recipes/shakespeare-char.yaml"];
  const { status, stderr } = spawnSync(process.execPath, [...command, "--quiet", "--dir", folder, ...sets], {
    cwd: root,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  const losses = new Map<number, number>();
  for (const line of readFileSync(join(folder, "metrics.jsonl"), "utf8").trim().split("\n")) {
    const event = JSON.parse(line) as MetricsLine;
    if (event.type === "eval") losses.set(event.step, event.val_loss);
  }
  return losses;
}

try {
  const [float32, bfloat16] = (["float32", "bfloat16"] as const).map((precision) =>
    seeds.map((seed) => curve(precision, seed)),
  );
  let outside = 0;
  const rows = [...(float32?.[0]?.keys() ?? [])].map((step) => {
    const at = (curves: readonly Map<number, number>[] | undefined) =>
      seeds.map((_, i) => curves?.[i]?.get(step) ?? NaN);
    const [single, half] = [at(float32), at(bfloat16)];
    const spread = Math.max(...single) - Math.min(...single);
    const apart = Math.max(...single.map((loss, i) => Math.abs(loss - (half[i] ?? NaN))));
    if (!(apart <= spread)) outside++;
    const four = (values: readonly number[]) => values.map((value) => value.toFixed(4)).join(" ");
    return { step, float32: four(single), bfloat16: four(half), spread: spread.toFixed(4), apart: apart.toFixed(4) };
  });
  console.table(rows);
  console.log(`${outside} of ${rows.length} points are further apart than the seeds`);
  process.exitCode = outside === 0 && rows.length > 0 ? 0 : 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
