import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDevice, type Device, nativeAvailable, Tape, type WeightDType } from "../tensor/index.ts";
import { loadModel, saveModel } from "./checkpoint/checkpoint.ts";
import { classic, llamaLike } from "../../test/helpers/models.ts";
import { type CausalModel, createCausal } from "./causal-model.ts";
import { loadStories, StoriesTokenizer } from "./index.ts";
import { resolveArchitecture } from "./section.ts";

const folder = join(process.env["NUWA_SHARED"] ?? "../shared", "data/stories260K");
const missing = !existsSync(join(folder, "stories260K.bin"));
if (missing) console.log(`precision of a trained model is not tested: ${folder} is not there`);

let device: Device;
beforeAll(() => {
  device = createDevice(nativeAvailable().available ? "cpu" : "reference");
});
afterAll(() => device.dispose());

/** Mean nats a token, and the logits. */
function evaluate(model: CausalModel, ids: readonly number[]): { nats: number; logits: number[] } {
  const arena = device.createArena();
  const tape = new Tape({ device, arena, recording: false, training: false });
  const T = ids.length - 1;
  const hidden = model.hidden(tape, tape.constant(ids.slice(0, -1), [1, T], "int32"));
  const logits = Array.from(model.logits(tape, hidden).toArray());
  arena.dispose();
  const V = model.config.vocab_size;
  let nats = 0;
  for (let t = 0; t < T; t++) {
    const row = logits.slice(t * V, (t + 1) * V);
    nats += Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0)) - (row[ids[t + 1] ?? 0] ?? Number.NaN);
  }
  return { nats: nats / T, logits };
}

/** Root mean square of the difference, beside that of the values about their mean. */
function relativeError(found: readonly number[], expected: readonly number[]): number {
  const mean = expected.reduce((sum, value) => sum + value, 0) / expected.length;
  let [error, size] = [0, 0];
  for (const [i, value] of expected.entries()) {
    error += (value - (found[i] ?? Number.NaN)) ** 2;
    size += (value - mean) ** 2;
  }
  return Math.sqrt(error / size);
}

describe.skipIf(missing)("a trained model in fewer bits (needs the shared data)", () => {
  test("stories260K: int8 and bfloat16 change its perplexity by less than 0.5 %, its logits by less than 2 %", async () => {
    const readme = await readFile(join(folder, "stories260K.md"), "utf8");
    const text = /-t 0\.0\n([^]*?)\n```/u.exec(readme)?.[1] ?? "";
    const tokenizer = await StoriesTokenizer.load(join(folder, "tok512.bin"));
    const ids = tokenizer.encode(text).slice(0, 400);
    expect(ids.length).toBeGreaterThan(100);
    const run = async (precision: WeightDType) => {
      const model = await loadStories(join(folder, "stories260K.bin"), device, { precision });
      const result = evaluate(model, ids);
      model.release();
      return result;
    };
    const exact = await run("float32");
    for (const precision of ["bfloat16", "int8"] as const) {
      const { nats, logits } = await run(precision);
      const error = relativeError(logits, exact.logits);
      const ratio = Math.exp(nats - exact.nats);
      console.log(`${precision}: perplexity × ${ratio.toFixed(5)}, logits ${(100 * error).toFixed(3)} % off`);
      expect(Math.abs(ratio - 1)).toBeLessThan(0.005);
      expect(error).toBeLessThan(0.02);
      expect(error).toBeGreaterThan(1e-5); // else nothing was rounded
    }
  });
});

describe("loadModel", () => {
  test.each([
    ["gpt2", classic],
    ["llama", llamaLike],
  ] as const)("keeps a %s checkpoint's matrices in the precision asked for", async (_name, family) => {
    const dir = await mkdtemp(join(tmpdir(), "nuwa-precision-"));
    const sizes = { vocab_size: 90, num_hidden_layers: 2, hidden_size: 40, num_attention_heads: 4 };
    const architecture = resolveArchitecture({
      ...family,
      ...sizes,
      initializer_range: 0.2,
      max_position_embeddings: 40,
    });
    const model = createCausal(architecture, device, { seed: 2, trainable: false });
    await saveModel(dir, model);
    const ids = Array.from({ length: 33 }, (_, i) => (i * 29) % 90);
    const exact = evaluate(model, ids);
    for (const [precision, bound] of [
      ["float32", 0],
      ["bfloat16", 0.03],
      ["int8", 0.06],
    ] as const) {
      const loaded = await loadModel(dir, device, { trainable: false, precision });
      for (const { kind, dtype } of loaded.parameters) expect(dtype).toBe(kind === "vector" ? "float32" : precision);
      const { logits } = evaluate(loaded, ids);
      expect(relativeError(logits, exact.logits)).toBeLessThanOrEqual(bound);
      loaded.release();
    }
    await expect(loadModel(dir, device, { precision: "int8" })).rejects.toThrow(/a trained parameter, got int8/);
    model.release();
    await rm(dir, { recursive: true });
  });
});
