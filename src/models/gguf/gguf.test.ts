import { mkdtemp, readFile, rm } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { fromBfloat16, fromFloat16, ReferenceDevice } from "../../tensor/index.ts";
import { trainBpe } from "../../tokenizer/index.ts";
import { ggufTokenizer } from "./gguf-tokenizer.ts";
import { encode, saveGguf, type GgufType } from "./gguf.ts";
import { classic, llamaLike } from "../../../test/helpers/models.ts";
import { createCausal } from "../causal-model.ts";
import { resolveArchitecture } from "../section.ts";

const device = new ReferenceDevice();
let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "nuwa-gguf-"));
});
afterAll(() => rm(dir, { recursive: true }));

/** A reader after the format's description, apart from the writer. */
function parse(file: Buffer) {
  let at = 0;
  const u32 = () => file.readUInt32LE((at += 4) - 4);
  const u64 = () => Number(file.readBigUInt64LE((at += 8) - 8));
  const text = () => {
    const length = u64();
    return file.toString("utf8", at, (at += length));
  };
  const value = (kind: number): unknown => {
    if (kind === 4 || kind === 5) return u32();
    if (kind === 6) return file.readFloatLE((at += 4) - 4);
    if (kind === 7) return file[at++] === 1;
    if (kind === 8) return text();
    if (kind !== 9) throw new Error(`value type ${kind} at ${at}`);
    const element = u32();
    return Array.from({ length: u64() }, () => value(element));
  };
  const magic = file.toString("latin1", 0, (at = 4));
  const version = u32();
  const [tensorCount, entryCount] = [u64(), u64()];
  const metadata = new Map<string, unknown>();
  for (let i = 0; i < entryCount; i++) metadata.set(text(), value(u32()));
  const tensors = new Map<string, { sizes: number[]; type: number; offset: number }>();
  for (let i = 0; i < tensorCount; i++) {
    tensors.set(text(), { sizes: Array.from({ length: u32() }, u64), type: u32(), offset: u64() });
  }
  return { magic, version, metadata, tensors, data: file.subarray(Math.ceil(at / 32) * 32) };
}

async function write(family: typeof llamaLike | typeof classic, type: GgufType) {
  const tokenizer = await trainBpe(["the quick brown fox, the lazy dog"], { vocabSize: 280, preTokenizer: "gpt2" });
  const architecture = resolveArchitecture({
    ...family,
    vocab_size: 288,
    num_hidden_layers: 2,
    hidden_size: 32,
    num_attention_heads: 2,
    intermediate_size: 48, // no whole number of blocks: down_proj falls back to F16
    max_position_embeddings: 16,
    initializer_range: 0.5,
  });
  const model = createCausal(architecture, device, { seed: 4, trainable: false });
  const path = join(dir, `${family.position}-${type}.gguf`);
  await saveGguf(path, model, { type, tokenizer: ggufTokenizer(tokenizer, 288) });
  return { model, tokenizer, ...parse(await readFile(path)) };
}

test.each(["F32", "F16", "BF16", "Q8_0"] as const)("a llama-like model in %s", async (type) => {
  const { model, tokenizer, magic, version, metadata, tensors, data } = await write(llamaLike, type);
  expect([magic, version]).toEqual(["GGUF", 3]);
  expect(metadata.get("general.architecture")).toBe("llama");
  expect(metadata.get("llama.attention.head_count")).toBe(2);
  expect(metadata.get("llama.rope.freq_base")).toBe(10_000);
  expect(metadata.get("tokenizer.ggml.pre")).toBe("gpt-2");
  expect(metadata.get("tokenizer.ggml.tokens")).toHaveLength(288);
  expect(z.array(z.string()).parse(metadata.get("tokenizer.ggml.merges"))[0]).toMatch(/^\S+ \S+$/u);
  expect(metadata.get("tokenizer.ggml.eos_token_id")).toBe(tokenizer.eosId);
  expect([...tensors.values()].every(({ offset }) => offset % 32 === 0)).toBe(true);

  expect(tensors.get("blk.0.ffn_up.weight")).toMatchObject({ sizes: [32, 48] });
  expect(tensors.get("blk.1.ffn_norm.weight")).toMatchObject({ sizes: [32], type: 0 });
  expect(tensors.get("blk.1.ffn_down.weight")?.type).toBe({ F32: 0, F16: 1, BF16: 30, Q8_0: 1 }[type]);
  const { offset = 0, type: stored } = tensors.get("blk.0.attn_q.weight") ?? {};
  expect(stored).toBe({ F32: 0, F16: 1, BF16: 30, Q8_0: 8 }[type]);
  const read = (i: number): number => {
    if (type === "F32") return data.readFloatLE(offset + 4 * i);
    if (type === "F16") return fromFloat16(data.readUInt16LE(offset + 2 * i));
    if (type === "BF16") return fromBfloat16(data.readUInt16LE(offset + 2 * i));
    const block = offset + 34 * Math.floor(i / 32);
    return fromFloat16(data.readUInt16LE(block)) * data.readInt8(block + 2 + (i % 32));
  };
  // Row 2i of a head there is row i here, row 2i + 1 is row i + D/2: head 1, D = 16.
  const ours = model.parameters.byName("model.layers.0.self_attn.q_proj.weight").toArray();
  const tolerance = { F32: 0, F16: 5e-4, BF16: 4e-3, Q8_0: 1e-2 }[type];
  for (const [theirs, here] of [
    [16, 16],
    [17, 24],
    [18, 17],
    [31, 31],
  ] as const) {
    for (let c = 0; c < 32; c++) {
      expect(Math.abs(read(theirs * 32 + c) - (ours[here * 32 + c] ?? Number.NaN))).toBeLessThanOrEqual(tolerance * 2);
    }
  }
});

test("a GPT-2-like model has fused projections and its positions in F32", async () => {
  const { model, metadata, tensors, data } = await write(classic, "F32");
  expect(metadata.get("general.architecture")).toBe("gpt2");
  expect(tensors.get("blk.0.attn_qkv.weight")?.sizes).toEqual([32, 96]);
  expect(tensors.get("position_embd.weight")).toMatchObject({ sizes: [32, 16], type: 0 });
  expect(tensors.has("output.weight")).toBe(false); // tied
  const offset = tensors.get("blk.1.attn_qkv.weight")?.offset ?? 0;
  const value = model.parameters.byName("model.layers.1.self_attn.v_proj.weight").toArray();
  expect(data.readFloatLE(offset + 4 * (64 * 32 + 5))).toBe(value[5]);
});

test("Q8_0 has the bytes of ggml's own package", () => {
  const fixture = z
    .object({ blocks: z.array(z.array(z.int())), q8_0: z.array(z.array(z.int())) })
    .parse(JSON.parse(readFileSync(new URL("../../../test/fixtures/weights.json", import.meta.url), "utf8")));
  const values = new Float32Array(Uint32Array.from(fixture.blocks.flat()).buffer);
  expect([...encode(values, "Q8_0")]).toEqual(fixture.q8_0.flat());
});

test("what llama.cpp does not have is refused", async () => {
  const tokenizer = await trainBpe(["abc"], { vocabSize: 262, preTokenizer: "gpt2" });
  const architecture = resolveArchitecture({ vocab_size: 262, num_hidden_layers: 1, hidden_size: 32 });
  const model = createCausal(architecture, device, { trainable: false });
  const given = ggufTokenizer(tokenizer, 262);
  await expect(saveGguf(join(dir, "x"), model, { tokenizer: given })).rejects.toThrow(/no architecture with these/);
  const llama = createCausal(resolveArchitecture({ ...llamaLike, vocab_size: 300, hidden_size: 32 }), device);
  await expect(saveGguf(join(dir, "x"), llama, { tokenizer: given })).rejects.toThrow(/expected 300 tokens.*got 262/);
  const chinese = await trainBpe(["你好"], { vocabSize: 262, preTokenizer: "chinese" });
  expect(() => ggufTokenizer(chinese, 262)).toThrow(/no tokenizer that cuts/);
});
