import { type ConfigJson, type Layout, plain } from "../../checkpoint/layout.ts";
import { type GptConfig, resolveGptConfig } from "../decoder/config.ts";

/** Any other mixture of choices: our own names, and the config as it is. */
export const nuwaLayout: Layout<GptConfig> = {
  modelType: "nuwa_gpt",
  ignored: null,
  optionalPrefix: "",
  fits: () => true,
  toJson: (config: GptConfig): ConfigJson => ({ architectures: ["NuwaGptForCausalLM"], ...config }),

  fromJson(json: ConfigJson, where: string): GptConfig {
    // what every config.json may say, and says nothing about the model's function
    const { model_type: _type, architectures: _names, torch_dtype: _old, dtype: _dtype, ...settings } = json;
    const {
      bos_token_id: _bos,
      eos_token_id: _eos,
      pad_token_id: _pad,
      transformers_version: _v,
      ...config
    } = settings;
    return resolveGptConfig(config, where);
  },

  tensors: (_config, parameters) => [...parameters].map((parameter) => plain(parameter)),
};
