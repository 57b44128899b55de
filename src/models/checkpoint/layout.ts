import type { ModelParameter, ParameterStore } from "../../nn/index.ts";
import { elementCount, type Tensor } from "../../tensor/index.ts";
import { NuwaError } from "../../text/index.ts";

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

/** What does not depend on a model's config. */
interface LayoutNames {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** Tensors that files of this type may hold and that say nothing. */
  readonly ignored: RegExp | null;
  /** Some files leave this out of every name. */
  readonly optionalPrefix: string;
}

/** How a family of models names its settings and tensors on disk. */
export interface Layout<Config> extends LayoutNames {
  /** Whether a model of this config can be written so that others who know the type read it rightly. */
  fits(config: Config): boolean;
  /** What config.json says beside `model_type`. */
  toJson(config: Config): ConfigJson;
  /** @throws NuwaError CHECKPOINT or VALUE for what we cannot run */
  fromJson(json: ConfigJson, where: string): Config;
  tensors(config: Config, parameters: ParameterStore): StoredTensor[];
}

/** A {@link Layout} of one model. */
export interface CheckpointFormat extends LayoutNames {
  /** What config.json says beside `model_type`. */
  json(): ConfigJson;
  tensors(parameters: ParameterStore): StoredTensor[];
}

/** A layout with the config of a model. */
export function formatOf<Config>(layout: Layout<Config>, config: Config): CheckpointFormat {
  const { modelType, ignored, optionalPrefix } = layout;
  return {
    modelType,
    ignored,
    optionalPrefix,
    json: () => layout.toJson(config),
    tensors: (parameters) => layout.tensors(config, parameters),
  };
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
