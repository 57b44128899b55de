import type { ModelParameter, ParameterStore } from "../../nn/index.ts";
import { elementCount, type Tensor } from "../../tensor/index.ts";
import { NuwaError } from "../../text/index.ts";
import type { GptConfig } from "../families/gpt/gpt-config.ts";

/** A tensor of a file, and the parameters that it holds. */
export interface StoredTensor {
  readonly name: string;
  /** In the file. */
  readonly shape: readonly number[];
  /** Parameters that lie in it one after another along their first axis; none for a tensor that is all zeros. */
  readonly parts: readonly ModelParameter[];
  /** The file keeps (inputs, outputs), our linear layers (outputs, inputs). */
  readonly transposed: boolean;
}

/** A config.json, as parsed. */
export type ConfigJson = Readonly<Record<string, unknown>>;

/** How one family of models names its settings and tensors on disk. */
export interface Layout {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** Whether a model of this config can be written so that others who know the type read it rightly. */
  fits(config: GptConfig): boolean;
  /** What config.json says beside `model_type`. */
  toJson(config: GptConfig): ConfigJson;
  /** @throws NuwaError CHECKPOINT for what we cannot run */
  fromJson(json: ConfigJson, where: string): GptConfig;
  tensors(config: GptConfig, parameters: ParameterStore): StoredTensor[];
  /** Tensors that files of this type may hold and that say nothing. */
  readonly ignored: RegExp | null;
  /** Some files leave this out of every name. */
  readonly optionalPrefix: string;
}

/** A parameter stored under its own name. */
export function plain(parameter: ModelParameter, name: string = parameter.name): StoredTensor {
  return { name, shape: parameter.shape, parts: [parameter], transposed: false };
}

/** Values of a stored tensor (or, with `of`, its gradient), row-major in the file's shape. */
export async function gather(
  stored: StoredTensor,
  of: (part: ModelParameter) => Tensor = (part) => part,
): Promise<Float32Array> {
  const { shape, parts, transposed } = stored;
  const values = new Float32Array(elementCount(shape));
  let position = 0;
  for (const part of parts) {
    values.set(await of(part).read(), position);
    position += part.length;
  }
  const [inputs = 0, outputs = 0] = shape;
  return transposed && parts.length > 0 ? transpose(values, outputs, inputs) : values;
}

/** Writes a stored tensor's values to its parameters. */
export function scatter(stored: StoredTensor, fromFile: Float32Array): void {
  const [inputs = 0, outputs = 0] = stored.shape;
  const values = stored.transposed ? transpose(fromFile, inputs, outputs) : fromFile;
  let position = 0;
  for (const part of stored.parts) {
    part.device.write(part.storage, values.subarray(position, position + part.length));
    position += part.length;
  }
}

/** (rows, columns) -> (columns, rows) */
function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      out[column * rows + row] = values[row * columns + column] ?? 0;
    }
  }
  return out;
}

/** Refuses settings of a known family that we do not implement: wrong numbers would be worse than none. */
export function requireSetting(json: ConfigJson, key: string, supported: readonly unknown[], where: string): void {
  const value = json[key];
  if (value === undefined || supported.includes(value)) return;
  const allowed = supported.map((entry) => JSON.stringify(entry)).join(" or ");
  throw new NuwaError("CHECKPOINT", `${key} is ${JSON.stringify(value)}; only ${allowed} is supported`, { where });
}
