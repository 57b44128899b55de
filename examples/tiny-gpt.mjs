// Trains a small GPT on one string until it knows it by heart, saves it as a Hugging Face directory, and lets it continue.
//   node examples/tiny-gpt.mjs [FOLDER]      FOLDER: where the model goes, default runs/example-gpt
import { generateText, greedy, loadGenerator } from "nuwa/generate";
import { createCausal, resolveArchitecture, saveModel } from "nuwa/models";
import { clipByGlobalNorm, createOptimizer, createSchedule, optimizerSettings, scheduleSettings } from "nuwa/optim";
import { createDevice, nativeAvailable, Tape } from "nuwa/tensor";
import { defaultChatTemplate, saveTokenizer, trainBpe } from "nuwa/tokenizer";

const folder = process.argv[2] ?? "runs/example-gpt";
const text = `The pillars of the sky were broken, and the corners of the earth gave way. Fire burned without end, and water
rose without rest. Then the goddess melted stones of five colours to mend the blue sky, and cut off the feet of the great
turtle to hold up the four corners. The sky was mended, the corners stood straight, the waters dried, and the land was at
peace. `;

const tokenizer = await trainBpe([text], { vocabSize: 400 });
const ids = tokenizer.encode(text);
const [B, T, steps] = [8, 48, 200];
const device = createDevice(nativeAvailable().available ? "cpu" : "reference");
const architecture = resolveArchitecture({
  family: "gpt",
  vocab_size: tokenizer.vocabSize,
  max_position_embeddings: T,
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
});
const model = createCausal(architecture, device, { seed: 1 });
const optimizer = createOptimizer(optimizerSettings.parse({ name: "muon" }), model.parameters);
const schedule = createSchedule(scheduleSettings.parse({ name: "cosine", warmup_steps: 10 }), steps);
console.log(`${model.parameters.totalElements} parameters on ${device.name}, ${ids.length} tokens of text`);

const arena = device.createArena();
for (let step = 0; step < steps; step++) {
  // B windows of T tokens, from one place of the text after another; each token is asked for the next.
  const starts = Array.from({ length: B }, (_, b) => ((step * B + b) * 17) % (ids.length - T));
  const window = (/** @type {number} */ shift) =>
    starts.flatMap((start) => Array.from(ids.subarray(start + shift, start + shift + T)));
  const tape = new Tape({ device, arena, recording: true, training: true, seed: 1, step });
  const tokens = tape.constant(window(0), [B, T], "int32");
  const targets = tape.constant(window(1), [B, T], "int32");
  const { loss } = model.loss(tape, { tokens, targets }, { normalizer: B * T });
  const value = step % 50 === 0 || step === steps - 1 ? await device.read(loss.storage) : undefined;
  tape.backward(loss);
  const { scale } = clipByGlobalNorm(device, arena, model.parameters, { maxNorm: 1 });
  optimizer.step({ learningRateScale: schedule(step), gradientScale: scale });
  arena.reset();
  if (value !== undefined) console.log(`step ${step}: loss ${value[0]?.toFixed(3)}`);
}

await saveModel(folder, model, { specialTokens: { eos_token_id: tokenizer.eosId } });
await saveTokenizer(folder, tokenizer, { chatTemplate: defaultChatTemplate });
console.log(`saved in ${folder}`);

const loaded = await loadGenerator(folder, device);
const prompt = "Then the goddess melted";
const end = await generateText(loaded.generator, loaded.tokenizer.encode(prompt), { ...greedy, max_tokens: 16 });
console.log(`${prompt}${end.text}`);
loaded.release();
