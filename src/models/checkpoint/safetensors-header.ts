import { z } from "zod";
import { NuwaError } from "../../text/index.ts";

/** Bytes an element takes, for each type that the format knows. */
export const DTYPE_BYTES: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
};

/** Where a tensor lies: bytes [begin, end) of the part after the header. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

const whole = z.int().min(0);
const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(whole),
  data_offsets: z.tuple([whole, whole]),
});
const metadataSchema = z.record(z.string(), z.string());

/**
 * Reads and checks a header: every tensor has a type we know and as many bytes as its shape needs, and together they
 * fill the data part with no gap and no overlap, as the format demands.
 *
 * @param dataBytes size of the part after the header
 * @throws NuwaError CHECKPOINT naming the tensor
 * Source: https://github.com/huggingface/safetensors#format
 */
export function parseHeader(text: string, dataBytes: number, where: string): SafetensorsHeader {
  const fail = (message: string, hint?: string): NuwaError => new NuwaError("CHECKPOINT", message, { where, hint });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw fail("the header of this safetensors file is not JSON", "the file is damaged, or is something else");
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw fail("the header of this safetensors file is not a JSON object");
  }
  const tensors = new Map<string, TensorEntry>();
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(json)) {
    if (name === "__metadata__") {
      const parsed = metadataSchema.safeParse(value);
      if (!parsed.success) throw fail("__metadata__ in the header is not a map of text to text");
      metadata = parsed.data;
      continue;
    }
    const parsed = entrySchema.safeParse(value);
    if (!parsed.success) throw fail(`tensor "${name}": expected dtype, shape and data_offsets in the header`);
    const { dtype, shape, data_offsets: offsets } = parsed.data;
    const [begin, end] = offsets;
    const size = DTYPE_BYTES[dtype];
    if (size === undefined || !Object.hasOwn(DTYPE_BYTES, dtype)) {
      throw fail(`tensor "${name}" has the unknown dtype "${dtype}"`, `known: ${Object.keys(DTYPE_BYTES).join(", ")}`);
    }
    const needed = shape.reduce((product, length) => product * length, size);
    if (end - begin !== needed) {
      const offsets = `data_offsets [${begin}, ${end}]`;
      throw fail(
        `tensor "${name}": ${dtype} ${JSON.stringify(shape)} needs ${needed} bytes, ${offsets} hold ${end - begin}`,
      );
    }
    tensors.set(name, { name, dtype, shape, begin, end });
  }
  checkLayout([...tensors.values()], dataBytes, fail);
  return { tensors, metadata };
}

function checkLayout(
  entries: readonly TensorEntry[],
  dataBytes: number,
  fail: (message: string, hint?: string) => NuwaError,
): void {
  const ordered = entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  let previous = "the header";
  for (const { name, begin, end } of ordered) {
    if (begin < position) throw fail(`tensors "${previous}" and "${name}" overlap at byte ${begin}`);
    if (begin > position) throw fail(`there is a gap of ${begin - position} bytes between "${previous}" and "${name}"`);
    position = end;
    previous = name;
  }
  if (position > dataBytes) {
    const message = `the file is cut short: expected ${position} bytes of tensors, got ${dataBytes}`;
    throw fail(message, "copy or download it again");
  }
  if (position < dataBytes) throw fail(`${dataBytes - position} bytes follow the last tensor, "${previous}"`);
}
