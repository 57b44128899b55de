import { createDevice } from "../tensor/index.ts";
import { families as builtIn } from "./registry.ts";
import { architectureOfPreset, type Families } from "./section.ts";

/** A published model's shape in figures. */
export interface PresetFigures {
  readonly name: string;
  readonly description: string;
  readonly parameters: number;
  readonly vocabulary: number;
  /** Longest text, in tokens. */
  readonly context: number;
}

/** A model family with its presets, and how many parameters each has. */
export interface FamilyFigures {
  readonly name: string;
  /** `model_type` of its config.json. */
  readonly modelType: string;
  readonly description: string;
  readonly presets: readonly PresetFigures[];
}

/** All families with their presets, whose parameters are counted without taking memory for them. */
export function listFamilies(families: Families = builtIn): FamilyFigures[] {
  const device = createDevice("meta");
  const list = [...families].map(({ name, modelType, description, presets }) => ({
    name,
    modelType,
    description,
    presets: Object.entries(presets).map(([preset, { description: about }]) => {
      const architecture = architectureOfPreset(preset, families);
      const model = architecture.create(device, { trainable: false, initialize: false });
      const parameters = model.parameters.totalElements;
      model.release();
      const { vocab_size: vocabulary, max_position_embeddings: context } = architecture.config;
      return { name: preset, description: about, parameters, vocabulary, context };
    }),
  }));
  device.dispose();
  return list;
}
