import type { ParameterStore } from "../../nn/index.ts";
import { elementCount } from "../../tensor/index.ts";

export interface GgufTensor {
  readonly name: string;
  /** Rows first, as everywhere here; the file has it the other way round. */
  readonly shape: readonly number[];
  /** Stored in F32 whatever the file's type. */
  readonly exact: boolean;
  readonly values: () => Promise<Float32Array>;
}

/** Metadata of a model, under the architecture's name. */
export type GgufSettings = Readonly<Record<string, { readonly kind: "uint32" | "float32"; readonly value: number }>>;

/** How llama.cpp names and orders the settings and tensors of one of its architectures. */
export interface GgufLayout<Config> {
  /** llama.cpp's name for it. */
  readonly architecture: string;
  /** Whether llama.cpp computes a model of this config as we do. */
  fits(config: Config): boolean;
  settings(config: Config): GgufSettings;
  tensors(config: Config, parameters: ParameterStore): readonly GgufTensor[];
}

/** A {@link GgufLayout} of one model. */
export interface GgufFormat {
  readonly architecture: string;
  readonly settings: GgufSettings;
  tensors(parameters: ParameterStore): readonly GgufTensor[];
}

/** A layout with the config of a model. */
export function ggufFormatOf<Config>(layout: GgufLayout<Config>, config: Config): GgufFormat {
  return {
    architecture: layout.architecture,
    settings: layout.settings(config),
    tensors: (parameters) => layout.tensors(config, parameters),
  };
}

/** A whole number of the metadata. */
export const ggufCount = (value: number) => ({ kind: "uint32", value }) as const;
/** A real number of the metadata. */
export const ggufReal = (value: number) => ({ kind: "float32", value }) as const;

/** Parameters one after another along their first axis; zeros of `length` for a bias that we do not have. */
export function ggufTensor(
  parameters: ParameterStore,
  name: string,
  from: readonly string[],
  options: { readonly exact?: boolean; readonly length?: number } = {},
): GgufTensor {
  const parts = from.filter((part) => parameters.has(part)).map((part) => parameters.byName(part));
  const rows = parts.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  const shape = parts.length === 0 ? [options.length ?? 0] : [rows, ...(parts[0]?.shape.slice(1) ?? [])];
  const values = async (): Promise<Float32Array> => {
    const out = new Float32Array(elementCount(shape));
    let position = 0;
    for (const part of parts) {
      out.set(await part.read(), position);
      position += part.length;
    }
    return out;
  };
  return { name, shape, exact: options.exact === true || shape.length === 1, values };
}
