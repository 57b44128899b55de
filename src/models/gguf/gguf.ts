/**
 * GGUF, the file format of llama.cpp: metadata with the tokenizer, and tensors in F32, F16, BF16 or Q8_0.
 * Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import { INT8_BLOCK, toBfloat16, toFloat16, toInt8Block } from "../../tensor/index.ts";
import { NuwaError } from "../../text/index.ts";
import type { Model } from "../model.ts";
import type { GgufFormat, GgufTensor } from "./layout.ts";
import { writeWholeAsync } from "../../io/whole-file.ts";

/** How a GGUF file keeps matrices. */
export type GgufType = "F32" | "F16" | "BF16" | "Q8_0";

/** What llama.cpp needs to turn text into tokens: a byte-level BPE. */
export interface GgufTokenizer {
  /** llama.cpp's name for the way text is cut before merging: "gpt-2", "llama-bpe", "qwen2", … */
  readonly preTokenizer: string;
  /** By id, in the byte alphabet of GPT-2. */
  readonly tokens: readonly string[];
  /** "left right", best first. */
  readonly merges: readonly string[];
  /** Ids of control tokens. */
  readonly control: ReadonlySet<number>;
  readonly bosId?: number | undefined;
  readonly eosId?: number | undefined;
  readonly chatTemplate?: string | undefined;
}

/** How a GGUF file is written. */
export interface GgufOptions {
  /** How matrices are stored; vectors and learned positions are F32. Default F16. */
  readonly type?: GgufType;
  readonly name?: string;
  readonly tokenizer: GgufTokenizer;
}

/** Numbers of `ggml_type` and of `general.file_type`. */
const TYPES = {
  F32: { id: 0, fileType: 0, block: 1, bytes: 4 },
  F16: { id: 1, fileType: 1, block: 1, bytes: 2 },
  BF16: { id: 30, fileType: 32, block: 1, bytes: 2 },
  Q8_0: { id: 8, fileType: 7, block: INT8_BLOCK, bytes: 2 + INT8_BLOCK },
} as const satisfies Record<GgufType, unknown>;

const ALIGNMENT = 32;
const VERSION = 3;

/** Metadata value types of the format. */
const KIND = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const;

/**
 * Writes a model as a GGUF file, whole or not at all.
 *
 * @throws NuwaError VALUE for an architecture that llama.cpp does not have, FILE when it cannot be written
 * @example await saveGguf("model.gguf", model, { type: "Q8_0", tokenizer });
 */
export async function saveGguf(path: string, model: Model, options: GgufOptions): Promise<void> {
  const { type = "F16", name = "nuwa", tokenizer } = options;
  const { config } = model;
  const { architecture, settings, tensors: list } = ggufFormat(model);
  const tensors = list(model.parameters);
  if (tokenizer.tokens.length !== config.vocab_size) {
    const message = `expected ${config.vocab_size} tokens for the model's vocabulary, got ${tokenizer.tokens.length}`;
    throw new NuwaError("VALUE", message, { where: path });
  }
  const arranged = arrange(tensors, type);
  const header = new Writer();
  header.text("GGUF");
  header.uint32(VERSION);
  header.uint64(tensors.length);
  const metadata = new Writer();
  let entries = 0;
  const entry = (key: string, write: () => void): void => {
    metadata.string(key);
    write();
    entries++;
  };
  entry("general.architecture", () => metadata.value(KIND.string, architecture));
  entry("general.name", () => metadata.value(KIND.string, name));
  entry("general.file_type", () => metadata.value(KIND.uint32, TYPES[type].fileType));
  for (const [key, { kind, value }] of Object.entries(settings)) {
    entry(`${architecture}.${key}`, () => metadata.value(KIND[kind], value));
  }
  entry("tokenizer.ggml.model", () => metadata.value(KIND.string, "gpt2"));
  entry("tokenizer.ggml.pre", () => metadata.value(KIND.string, tokenizer.preTokenizer));
  entry("tokenizer.ggml.tokens", () => metadata.array(KIND.string, tokenizer.tokens));
  const types = tokenizer.tokens.map((_, id) => (tokenizer.control.has(id) ? 3 : 1));
  entry("tokenizer.ggml.token_type", () => metadata.array(KIND.int32, types));
  entry("tokenizer.ggml.merges", () => metadata.array(KIND.string, tokenizer.merges));
  const { bosId, eosId, chatTemplate } = tokenizer;
  if (bosId !== undefined) entry("tokenizer.ggml.bos_token_id", () => metadata.value(KIND.uint32, bosId));
  if (eosId !== undefined) entry("tokenizer.ggml.eos_token_id", () => metadata.value(KIND.uint32, eosId));
  entry("tokenizer.ggml.add_bos_token", () => metadata.value(KIND.bool, false));
  if (chatTemplate !== undefined) entry("tokenizer.chat_template", () => metadata.value(KIND.string, chatTemplate));
  header.uint64(entries);
  for (const { tensor, type: stored, offset } of arranged) {
    metadata.string(tensor.name);
    metadata.uint32(tensor.shape.length);
    for (const size of tensor.shape.toReversed()) metadata.uint64(size); // the fastest axis first
    metadata.uint32(TYPES[stored].id);
    metadata.uint64(offset);
  }
  await writeWholeAsync(path, async (append) => {
    const bytes = Buffer.concat([header.bytes(), metadata.bytes()]);
    await append(padded(bytes));
    for (const { tensor, type: stored } of arranged) await append(padded(encode(await tensor.values(), stored)));
  });
}

function ggufFormat({ architecture: { ggufFormats } }: Model): GgufFormat {
  const [format] = ggufFormats;
  if (format !== undefined) return format;
  throw new NuwaError("VALUE", "llama.cpp has no architecture with these choices", {
    hint: "expected RoPE, RMSNorm, SwiGLU, no biases (llama), or learned positions, LayerNorm, gelu_tanh (gpt2)",
  });
}

/** Each tensor's type and offset: a row that is no whole number of blocks is F16 in place of Q8_0. */
function arrange(tensors: readonly GgufTensor[], type: GgufType) {
  let offset = 0;
  return tensors.map((tensor) => {
    const width = tensor.shape.at(-1) ?? 1;
    const wanted = tensor.exact ? "F32" : type;
    const stored: GgufType = width % TYPES[wanted].block === 0 ? wanted : "F16";
    const result = { tensor, type: stored, offset };
    const elements = tensor.shape.reduce((product, size) => product * size, 1);
    offset += align((elements / TYPES[stored].block) * TYPES[stored].bytes);
    return result;
  });
}

/** The bytes of values in a type. */
export function encode(values: Float32Array, type: GgufType): Uint8Array {
  if (type === "F32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (type !== "Q8_0") {
    const halves = Uint16Array.from(values, type === "BF16" ? toBfloat16 : toFloat16);
    return new Uint8Array(halves.buffer);
  }
  const bytes = new Uint8Array((values.length / INT8_BLOCK) * TYPES.Q8_0.bytes);
  for (let block = 0; block * INT8_BLOCK < values.length; block++) {
    const { scale, values: numbers } = toInt8Block(values.subarray(block * INT8_BLOCK, (block + 1) * INT8_BLOCK));
    const at = block * TYPES.Q8_0.bytes;
    bytes[at] = scale & 0xff;
    bytes[at + 1] = scale >>> 8;
    bytes.set(new Uint8Array(numbers.buffer), at + 2);
  }
  return bytes;
}

const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

function padded(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(align(bytes.length));
  out.set(bytes);
  return out;
}

/** Little-endian bytes, one value after another. */
class Writer {
  readonly #pieces: Buffer[] = [];

  text(text: string): void {
    this.#pieces.push(Buffer.from(text, "utf8"));
  }

  uint32(value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    this.#pieces.push(bytes);
  }

  uint64(value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    this.#pieces.push(bytes);
  }

  string(text: string): void {
    this.uint64(Buffer.byteLength(text, "utf8"));
    this.text(text);
  }

  /** A value with its type before it. */
  value(kind: number, value: number | string | boolean): void {
    this.uint32(kind);
    this.#plain(kind, value);
  }

  array(kind: number, values: readonly (number | string)[]): void {
    this.uint32(KIND.array);
    this.uint32(kind);
    this.uint64(values.length);
    for (const value of values) this.#plain(kind, value);
  }

  #plain(kind: number, value: number | string | boolean): void {
    if (kind === KIND.string) return this.string(String(value));
    if (kind === KIND.bool) {
      this.#pieces.push(Buffer.from([value === true ? 1 : 0]));
      return;
    }
    const bytes = Buffer.alloc(4);
    if (kind === KIND.float32) bytes.writeFloatLE(Number(value));
    else bytes.writeInt32LE(Number(value));
    this.#pieces.push(bytes);
  }

  bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}
