import { readFile } from "node:fs/promises";
import { fileError } from "../../../io/errno.ts";
import type { Device, WeightDType } from "../../../tensor/index.ts";
import { NuwaError } from "../../../text/index.ts";
import { type CausalModel, createCausal } from "../../causal-model.ts";
import type { Architecture } from "../../model.ts";
import { llama } from "./family.ts";

const HEADER_BYTES = 7 * 4;
const LARGEST_SIZE = 2 ** 20;

/**
 * Reads a model in llama2.c's first format (`.bin`): seven int32 (dim, hidden_dim, n_layers, n_heads, n_kv_heads,
 * vocab_size, negative when the head is not tied, seq_len), then float32 weights, all layers of a kind together.
 * Source: https://github.com/karpathy/llama2.c, export.py, legacy_export.
 *
 * @throws NuwaError FILE when it cannot be read, CHECKPOINT when it is cut short or something else
 * @example const model = await loadStories("stories260K.bin", device);
 */
export async function loadStories(
  path: string,
  device: Device,
  options: { trainable?: boolean; precision?: WeightDType } = {},
): Promise<CausalModel> {
  const bytes = await readBytes(path);
  const { architecture, tied, layers, H, K, D, context } = readHeader(bytes, path);
  const { trainable = false, precision } = options;
  const model = createCausal(architecture, device, { trainable, precision, initialize: false });
  let position = HEADER_BYTES;
  /** The next tensor of the file, written to the parameter of this name. */
  const read = (name: string, prepare: (values: Float32Array) => Float32Array = (values) => values): void => {
    const parameter = model.parameters.byName(name);
    const end = position + 4 * parameter.length;
    if (end > bytes.length) {
      const message = `the file is cut short in "${name}": expected at least ${end} bytes, got ${bytes.length}`;
      throw new NuwaError("CHECKPOINT", message, { where: path });
    }
    // a copy: the file's bytes need not be aligned in memory
    const values = new Float32Array(bytes.slice(position, end).buffer);
    device.write(parameter.storage, prepare(values));
    position = end;
  };
  const readLayers = (name: string, prepare?: (values: Float32Array) => Float32Array): void => {
    for (let layer = 0; layer < layers; layer++) read(`model.layers.${layer}.${name}.weight`, prepare);
  };
  try {
    read("model.embed_tokens.weight");
    readLayers("input_layernorm");
    readLayers("self_attn.q_proj", (values) => splitPairs(values, H, D));
    readLayers("self_attn.k_proj", (values) => splitPairs(values, K, D));
    readLayers("self_attn.v_proj");
    readLayers("self_attn.o_proj");
    readLayers("post_attention_layernorm");
    readLayers("mlp.gate_proj");
    readLayers("mlp.down_proj");
    readLayers("mlp.up_proj");
    read("model.norm.weight");
    position += 4 * context * D; // RoPE's cosines and sines, which we compute
    if (!tied) read("lm_head.weight");
    if (position !== bytes.length) {
      const message = `expected ${position} bytes for these sizes, got ${bytes.length}`;
      throw new NuwaError("CHECKPOINT", message, { where: path, hint: "the file is damaged, or is something else" });
    }
    return model;
  } catch (error) {
    model.release();
    throw error;
  }
}

interface Header {
  readonly architecture: Architecture;
  readonly tied: boolean;
  readonly layers: number;
  readonly H: number;
  readonly K: number;
  readonly D: number;
  readonly context: number;
}

function readHeader(bytes: Uint8Array, path: string): Header {
  const notStories = (cause?: unknown): NuwaError =>
    new NuwaError("CHECKPOINT", "this is not a llama2.c model", {
      where: path,
      hint: "expected seven positive int32 and weights, as llama2.c's legacy export writes them",
      cause,
    });
  if (bytes.length < HEADER_BYTES) throw notStories();
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const int = (index: number): number => view.getInt32(4 * index, true);
  const vocabulary = int(5);
  const tied = vocabulary > 0;
  const [C, hidden, layers, H, context] = [int(0), int(1), int(2), int(3), int(6)];
  // text read as int32 gives sizes beyond any model's
  if ([C, hidden, layers, vocabulary, context].some((size) => Math.abs(size) > LARGEST_SIZE)) throw notStories();
  try {
    const architecture = llama.resolve({
      vocab_size: Math.abs(vocabulary),
      hidden_size: C,
      intermediate_size: hidden,
      num_hidden_layers: layers,
      num_attention_heads: H,
      num_key_value_heads: int(4),
      max_position_embeddings: context,
      rms_norm_eps: 1e-5,
      tie_word_embeddings: tied,
    });
    return { architecture, tied, layers, H, K: int(4), D: C / H, context };
  } catch (cause) {
    throw notStories(cause);
  }
}

/**
 * llama2.c rotates neighbours (2i, 2i + 1) of a head; we rotate (i, i + D/2). Ordering a projection's rows so that
 * the first of each pair come first, then the second, makes the two the same.
 *
 * @param values (heads · D, C)
 */
function splitPairs(values: Float32Array, heads: number, D: number): Float32Array {
  const C = values.length / (heads * D);
  const out = new Float32Array(values.length);
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < D; i++) {
      const from = head * D + (i < D / 2 ? 2 * i : 2 * (i - D / 2) + 1);
      out.set(values.subarray(from * C, (from + 1) * C), (head * D + i) * C);
    }
  }
  return out;
}

const BOS = 1;
/** Token of byte 0; the others follow. */
const FIRST_BYTE = 3;

/**
 * llama2.c's tokenizer file: SentencePiece's BPE, where the pair with the best score is merged first, and characters
 * that are no token become bytes. Made to read the stories models, no more; it is not the project's tokenizer.
 */
export class StoriesTokenizer {
  readonly #pieces: readonly string[];
  readonly #scores: readonly number[];
  readonly #ids: ReadonlyMap<string, number>;

  constructor(pieces: readonly string[], scores: readonly number[]) {
    this.#pieces = pieces;
    this.#scores = scores;
    this.#ids = new Map(pieces.map((piece, id) => [piece, id]));
  }

  /**
   * Reads `max_token_length` and then score, length and bytes of each token.
   * @throws NuwaError FILE or CHECKPOINT
   */
  static async load(path: string): Promise<StoriesTokenizer> {
    const bytes = await readBytes(path);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const pieces: string[] = [];
    const scores: number[] = [];
    for (let position = 4; position < bytes.length; ) {
      const length = position + 8 <= bytes.length ? view.getInt32(position + 4, true) : -1;
      if (length < 0 || position + 8 + length > bytes.length) {
        const message = `the tokenizer is cut short or damaged at byte ${position}, token ${pieces.length}`;
        throw new NuwaError("CHECKPOINT", message, { where: path });
      }
      scores.push(view.getFloat32(position, true));
      position += 8;
      pieces.push(new TextDecoder().decode(bytes.subarray(position, position + length)));
      position += length;
    }
    return new StoriesTokenizer(pieces, scores);
  }

  get vocabSize(): number {
    return this.#pieces.length;
  }

  /** Ids of a text, begun with BOS. */
  encode(text: string): number[] {
    const ids = text === "" ? [] : [...` ${text}`].flatMap((character) => this.#characterIds(character));
    for (;;) {
      let best: { index: number; id: number; score: number } | undefined;
      for (let index = 0; index + 1 < ids.length; index++) {
        const id = this.#ids.get(this.#piece(ids[index]) + this.#piece(ids[index + 1]));
        const score = id === undefined ? -Infinity : (this.#scores[id] ?? -Infinity);
        if (id !== undefined && score > (best?.score ?? -Infinity)) best = { index, id, score };
      }
      if (best === undefined) return [BOS, ...ids];
      ids.splice(best.index, 2, best.id);
    }
  }

  /** Text of ids; the space that every text begins with is left out. */
  decode(ids: Iterable<number>): string {
    const bytes: number[] = [];
    for (const id of ids) {
      if (id === BOS) continue;
      const isByte = id >= FIRST_BYTE && id < FIRST_BYTE + 256;
      if (isByte) bytes.push(id - FIRST_BYTE);
      else bytes.push(...new TextEncoder().encode(this.#piece(id)));
    }
    return new TextDecoder().decode(Uint8Array.from(bytes)).replace(/^ /, "");
  }

  #piece(id: number | undefined): string {
    return this.#pieces[id ?? -1] ?? "";
  }

  #characterIds(character: string): number[] {
    const id = this.#ids.get(character);
    if (id !== undefined) return [id];
    return [...new TextEncoder().encode(character)].map((byte) => byte + FIRST_BYTE);
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw fileError(cause, path);
  });
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
