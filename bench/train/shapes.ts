import { type Architecture, resolveArchitecture } from "../../src/models/index.ts";
import { didYouMean, NuwaError } from "../../src/text/index.ts";

/** A training step to measure: GPT-2's architecture (learned positions, LayerNorm, GELU, tied head), float32 weights. */
export interface Shape {
  readonly name: string;
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly vocabulary: number;
  /** Sequences in a batch. */ readonly batch: number;
  /** Context, in tokens. */ readonly T: number;
}

/** From a model that fits in a cache to one the size of GPT-2. */
export const shapes: readonly Shape[] = [
  { name: "R0", layers: 4, heads: 4, width: 128, T: 128, batch: 16, vocabulary: 512 },
  { name: "R1", layers: 6, heads: 6, width: 384, T: 256, batch: 8, vocabulary: 4096 },
  { name: "R2", layers: 12, heads: 12, width: 768, T: 512, batch: 4, vocabulary: 50_257 },
];

/** Steps of one round, so that every shape takes seconds and not minutes. */
export const defaultSteps: Readonly<Record<string, number>> = { R0: 20, R1: 5, R2: 2 };

/**
 * The shapes that `--shape` names: one, several with commas, or `all`.
 * @throws NuwaError USAGE
 */
export function parseShapes(text: string): readonly Shape[] {
  if (text.toLowerCase() === "all") return shapes;
  return text.split(",").map((part) => {
    const shape = shapes.find(({ name }) => name.toLowerCase() === part.trim().toLowerCase());
    if (shape !== undefined) return shape;
    const names = shapes.map(({ name }) => name);
    throw new NuwaError("USAGE", `expected one of ${names.join(", ")}, all, got "${part}"`, {
      where: "--shape",
      hint: didYouMean(part, names),
    });
  });
}

export function architectureOf(shape: Shape): Architecture {
  return resolveArchitecture({
    family: "gpt2",
    n_layer: shape.layers,
    n_head: shape.heads,
    n_embd: shape.width,
    vocab_size: shape.vocabulary,
    n_positions: shape.T,
  });
}
