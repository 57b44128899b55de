import { type FileHandle, open } from "node:fs/promises";
import { elementCount } from "../../tensor/index.ts";
import { didYouMean, NuwaError } from "../../text/index.ts";
import { fileError } from "../../io/errno.ts";
import { writeWholeAsync } from "../../io/whole-file.ts";
import { parseHeader, type SafetensorsHeader, type TensorEntry } from "./safetensors-header.ts";

/** A header larger than this is refused, as by the original implementation. */
const LARGEST_HEADER = 100_000_000;
/** One system call moves less than 2 GiB. */
const LARGEST_READ = 2 ** 30;

/**
 * A safetensors file, open for reading. Only the header is read at once; each tensor is read when asked for.
 *
 * @example
 * const file = await SafetensorsFile.open("model.safetensors");
 * const values = await file.read("lm_head.weight"); // Float32Array
 * await file.close();
 */
export class SafetensorsFile {
  readonly path: string;
  /** In the order of the header. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #handle: FileHandle;
  readonly #dataStart: number;

  private constructor(path: string, handle: FileHandle, header: SafetensorsHeader, dataStart: number) {
    this.path = path;
    this.tensors = header.tensors;
    this.metadata = header.metadata;
    this.#handle = handle;
    this.#dataStart = dataStart;
  }

  /** @throws NuwaError FILE when it cannot be read, CHECKPOINT when it is cut short or damaged. */
  static async open(path: string): Promise<SafetensorsFile> {
    const handle = await open(path, "r").catch((cause: unknown) => {
      throw fileError(cause, path);
    });
    try {
      const { size } = await handle.stat();
      const fail = (message: string, hint?: string): NuwaError =>
        new NuwaError("CHECKPOINT", message, { where: path, hint });
      if (size < 8) throw fail(`the file is cut short: ${size} bytes, not even a header`, "copy or download it again");
      const prefix = new DataView(await readExactly(handle, path, 0, 8));
      const headerBytes = Number(prefix.getBigUint64(0, true));
      if (headerBytes > LARGEST_HEADER) throw fail("this is not a safetensors file", "expected model.safetensors");
      if (8 + headerBytes > size) {
        throw fail(
          `the file is cut short: its header takes ${headerBytes} bytes, ${size - 8} are there`,
          "copy or download it again",
        );
      }
      const bytes = await readExactly(handle, path, 8, headerBytes);
      const header = parseHeader(new TextDecoder().decode(bytes), size - 8 - headerBytes, path);
      return new SafetensorsFile(path, handle, header, 8 + headerBytes);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The header's entry. @throws NuwaError CHECKPOINT when there is no such tensor. */
  entry(name: string): TensorEntry {
    const entry = this.tensors.get(name);
    if (entry !== undefined) return entry;
    const hint = didYouMean(name, this.tensors.keys());
    throw new NuwaError("CHECKPOINT", `there is no tensor "${name}"`, { where: this.path, hint });
  }

  /** A whole tensor; F32, F16, BF16 and F64 become float32. @throws NuwaError CHECKPOINT for any other type. */
  async read(name: string): Promise<Float32Array> {
    const { dtype, begin, end } = this.entry(name);
    const convert = CONVERSIONS[dtype];
    if (convert === undefined) {
      const known = Object.keys(CONVERSIONS).join(", ");
      const message = `tensor "${name}" is ${dtype}; expected one of ${known}`;
      throw new NuwaError("CHECKPOINT", message, { where: this.path });
    }
    return convert(await readExactly(this.#handle, this.path, this.#dataStart + begin, end - begin));
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

async function readExactly(handle: FileHandle, path: string, position: number, length: number): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle
      .read(bytes, done, Math.min(length - done, LARGEST_READ), position + done)
      .catch((cause: unknown) => {
        throw fileError(cause, path);
      });
    if (bytesRead === 0) {
      const message = `the file is cut short at byte ${position + done}: expected ${position + length} bytes`;
      throw new NuwaError("CHECKPOINT", message, { where: path, hint: "copy or download it again" });
    }
    done += bytesRead;
  }
  return bytes.buffer;
}

const CONVERSIONS: Readonly<Partial<Record<string, (bytes: ArrayBuffer) => Float32Array>>> = {
  F32: (bytes) => new Float32Array(bytes),
  F64: (bytes) => Float32Array.from(new Float64Array(bytes)),
  BF16: (bytes) => {
    // a bfloat16 is the upper half of a float32
    const bits = Uint32Array.from(new Uint16Array(bytes), (half) => half << 16);
    return new Float32Array(bits.buffer);
  },
  F16: (bytes) => Float32Array.from(new Uint16Array(bytes), halfToNumber),
};

/** IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits. */
function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24; // subnormal
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A tensor to write; `values` is asked for when its turn comes, so that only one need be in memory. */
export interface TensorSource {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: () => ArrayLike<number> | Promise<ArrayLike<number>>;
}

/**
 * Writes a safetensors file of float32 tensors, whole or not at all.
 *
 * @throws NuwaError FILE when it cannot be written, SHAPE when a tensor has not as many values as its shape says
 * @example await writeSafetensors("state.safetensors", [{ name: "x", shape: [2], values: () => [1, 2] }]);
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorSource[],
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Promise<void> {
  let position = 0;
  const header = new Map<string, unknown>([["__metadata__", metadata]]);
  for (const { name, shape } of tensors) {
    if (header.has(name)) throw new NuwaError("SHAPE", `two tensors are called "${name}"`, { where: path });
    const end = position + 4 * elementCount(shape);
    header.set(name, { dtype: "F32", shape, data_offsets: [position, end] });
    position = end;
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  // spaces up to a multiple of 8, so that a memory map finds the tensors aligned
  const bytes = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(0x20);
  bytes.set(text);
  await writeWholeAsync(path, async (append) => {
    const prefix = new DataView(new ArrayBuffer(8));
    prefix.setBigUint64(0, BigInt(bytes.length), true);
    await append(new Uint8Array(prefix.buffer));
    await append(bytes);
    for (const { name, shape, values } of tensors) {
      const data = await values();
      const floats = data instanceof Float32Array ? data : Float32Array.from(data);
      if (floats.length !== elementCount(shape)) {
        const message = `tensor "${name}" has ${floats.length} values for shape ${JSON.stringify(shape)}`;
        throw new NuwaError("SHAPE", message, { where: path });
      }
      await append(new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength));
    }
  });
}

/** Every tensor of a file, by name: for an optimizer's state. */
export async function readSafetensors(path: string): Promise<Map<string, Float32Array>> {
  const file = await SafetensorsFile.open(path);
  try {
    const tensors = new Map<string, Float32Array>();
    for (const name of file.tensors.keys()) tensors.set(name, await file.read(name));
    return tensors;
  } finally {
    await file.close();
  }
}
