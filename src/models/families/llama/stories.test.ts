import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createDevice, type Device, nativeAvailable, Tape } from "../../../tensor/index.ts";
import type { CausalModel } from "../../causal-model.ts";
import { loadStories, StoriesTokenizer } from "./stories.ts";

const folder = join(process.env["NUWA_SHARED"] ?? "../shared", "data/stories260K");
const missing = !existsSync(join(folder, "stories260K.bin"));

/** Greedy continuation from BOS, until BOS comes again or the cache is full. */
function continueGreedily(model: CausalModel, device: Device, steps: number): number[] {
  const cache = model.createCache(1, steps);
  const arena = device.createArena();
  const ids: number[] = [1];
  while (ids.length <= steps) {
    const tape = new Tape({ device, arena, recording: false, training: false });
    const last = tape.constant(ids.slice(-1), [1, 1], "int32");
    const next = argmax(model.logits(tape, model.hidden(tape, last, { cache })).toArray());
    arena.reset();
    if (next === 1) break;
    ids.push(next);
  }
  cache.release();
  arena.dispose();
  return ids;
}

/** The most likely next token at each place, from one pass over the whole text. */
function nextTokens(model: CausalModel, device: Device, ids: readonly number[]): number[] {
  const arena = device.createArena();
  const tape = new Tape({ device, arena, recording: false, training: false });
  const hidden = model.hidden(tape, tape.constant(ids, [1, ids.length], "int32"));
  const logits = model.logits(tape, hidden).toArray();
  const V = model.config.vocab_size;
  const next = ids.map((_, t) => argmax(logits.subarray(t * V, (t + 1) * V)));
  arena.dispose();
  return next;
}

function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}

describe.skipIf(missing)("stories260K (needs the shared data)", () => {
  test("continues the published greedy text word for word, with a cache and without", async () => {
    const readme = await readFile(join(folder, "stories260K.md"), "utf8");
    const published = /-t 0\.0\n([^]*?)\n```/.exec(readme)?.[1];
    const device = createDevice(nativeAvailable().available ? "cpu" : "reference");
    const model = await loadStories(join(folder, "stories260K.bin"), device);
    const tokenizer = await StoriesTokenizer.load(join(folder, "tok512.bin"));

    const ids = continueGreedily(model, device, 256);
    expect(tokenizer.decode(ids)).toBe(published);
    expect(nextTokens(model, device, ids.slice(0, -1))).toEqual(ids.slice(1));
    expect(tokenizer.encode(published ?? "")).toEqual(ids);
    device.dispose();
  });

  test("a file that is cut short or something else is refused", async () => {
    const device = createDevice("reference");
    const scratch = await mkdtemp(join(tmpdir(), "nuwa-stories-"));
    const bytes = await readFile(join(folder, "stories260K.bin"));
    const short = join(scratch, "short.bin");
    await writeFile(short, bytes.subarray(0, 500_000));
    await expect(loadStories(short, device)).rejects.toThrow(/cut short in "model\.layers/);
    await expect(loadStories(join(folder, "stories260K.md"), device)).rejects.toThrow("not a llama2.c model");
    await expect(loadStories(join(scratch, "none.bin"), device)).rejects.toThrow("no such file");
    await rm(scratch, { recursive: true });
  });
});
