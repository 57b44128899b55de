import { createCausal, resolveArchitecture, type CausalModel } from "../../src/models/index.ts";
import { createDevice, nativeAvailable, type Device } from "../../src/tensor/index.ts";
import { TextGenerator, type LoadedGenerator } from "../../src/generate/index.ts";
import { defaultChatTemplate, trainBpe } from "../../src/tokenizer/index.ts";

const text =
  "The quick brown fox jumps over the lazy dog. 你好，世界。 Once upon a time there was a fox, and the fox was quick.";

export interface TinyModel extends LoadedGenerator {
  readonly model: CausalModel;
  readonly device: Device;
  dispose(): void;
}

/** A small untrained model, the same each time, whose logits differ enough between tokens to tell mistakes apart. */
export async function tinyModel(context = 64): Promise<TinyModel> {
  const device = createDevice(nativeAvailable().available ? "cpu" : "reference");
  const tokenizer = await trainBpe([text, text], { vocabSize: 320 });
  const architecture = resolveArchitecture({
    vocab_size: tokenizer.vocabSize,
    num_hidden_layers: 2,
    hidden_size: 32,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: context,
    zero_init_projections: false,
    initializer_range: 0.5,
  });
  const model = createCausal(architecture, device, { seed: 7, trainable: false });
  const generator = new TextGenerator(model, tokenizer);
  const release = () => {
    generator.dispose();
    model.release();
  };
  return {
    model,
    tokenizer,
    generator,
    template: defaultChatTemplate,
    isChatModel: true,
    device,
    release,
    dispose() {
      release();
      device.dispose();
    },
  };
}
