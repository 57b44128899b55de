import { defineFamily } from "../../family.ts";
import { gpt2Gguf } from "../gpt2/gguf.ts";
import { gpt2Layout } from "../gpt2/layout.ts";
import { llamaGguf } from "../llama/gguf.ts";
import { llamaLayout } from "../llama/layout.ts";
import { classicGpt, gptConfigSchema, resolveGptConfig, withGptDropout } from "../decoder/config.ts";
import { Gpt } from "../decoder/gpt.ts";
import { nuwaLayout } from "./layout.ts";

/**
 * Layers, width, heads and head size: Brown et al. 2020, table 2.1. It gives the 1.3B model 24 heads of 128, which would
 * make 1.5B parameters of it; with 16, width 2048 in all as in every other row but one, it has its 1.3B.
 */
const gpt3Sizes = {
  "gpt3-125m": [12, 768, 12, 64],
  "gpt3-350m": [24, 1024, 16, 64],
  "gpt3-760m": [24, 1536, 16, 96],
  "gpt3-1.3b": [24, 2048, 16, 128],
  "gpt3-2.7b": [32, 2560, 32, 80],
  "gpt3-6.7b": [32, 4096, 32, 128],
  "gpt3-13b": [40, 5140, 40, 128],
  "gpt3-175b": [96, 12288, 96, 128],
} as const;

/**
 * Our own decoder: each choice between GPT-2's and LLaMA's, and those of small modern models, is a key of its own. What
 * comes out as a GPT-2 or a LLaMA is saved as one.
 */
export const gpt = defineFamily({
  name: "gpt",
  modelType: "nuwa_gpt",
  description: "a decoder with every choice a key: positions, normalisation, activation, heads, window, biases",
  configSchema: gptConfigSchema,
  keys: { vocabulary: "vocab_size", context: "max_position_embeddings", dropout: "dropout" },
  resolve: resolveGptConfig,
  withDropout: withGptDropout,
  create: (config, device, options) => new Gpt(config, device, options),
  layouts: [gpt2Layout, llamaLayout, nuwaLayout],
  ggufLayouts: [llamaGguf, gpt2Gguf],
  presets: Object.fromEntries(
    Object.entries(gpt3Sizes).map(([name, [layers, width, heads, headSize]]) => [
      name,
      {
        description:
          "GPT-3's sizes (Brown et al. 2020); dense attention in every layer, where GPT-3 has a window in each second",
        settings: {
          ...classicGpt,
          vocab_size: 50_257,
          num_hidden_layers: layers,
          hidden_size: width,
          num_attention_heads: heads,
          head_dim: headSize,
          max_position_embeddings: 2048,
        },
      },
    ]),
  ),
});
