export { attention, attentionWithCache, writeCache, type AttentionOptions } from "./attention.ts";
export { activation, add, dropout, gated, multiply, scale } from "./elementwise.ts";
export { embedding } from "./embedding.ts";
export { linear } from "./linear.ts";
export {
  chunkRows,
  linearCrossEntropy,
  type LinearCrossEntropyOptions,
  type LinearCrossEntropyResult,
} from "./linear-cross-entropy.ts";
export { layerNorm, rmsNorm, type LayerNormOptions, type RmsNormOptions } from "./norms.ts";
export { reshape } from "./reshape.ts";
export { rope, ropeTable } from "./rope.ts";
