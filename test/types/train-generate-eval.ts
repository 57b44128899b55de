import { meanScore, scoreItem, type LanguageModel, type Score } from "nuwa/eval";
import { generateText, greedy, loadGenerator, type FinishReason, type GenerationSettings } from "nuwa/generate";
import { startServer } from "nuwa/serve";
import { createDevice } from "nuwa/tensor";
import { pretrainSettings, readMetrics, type Batch, type TrainEvent } from "nuwa/train";
import { type Equal, expectType } from "./expect.ts";

const { generator, tokenizer } = await loadGenerator("runs/sample", createDevice("cpu"));
const end = await generateText(generator, tokenizer.encode("The whale"), greedy);
expectType<Equal<typeof end.text, string>>(true);
expectType<Equal<typeof end.reason, FinishReason>>(true);
const settings: GenerationSettings = { ...greedy, temperature: 0.8 };
// @ts-expect-error no such key
const misspelt: GenerationSettings = { ...greedy, temprature: 0.8 };
// @ts-expect-error token ids, not a text
await generateText(generator, "The whale", greedy);

// Events are told apart by their type.
function report(event: TrainEvent): string {
  if (event.type === "step") return `step ${event.step}: ${event.loss.toFixed(3)}`;
  // @ts-expect-error only a step has a learning rate
  void event.lr;
  return event.type;
}
const { steps } = pretrainSettings.parse({});
expectType<Equal<typeof steps, number | undefined>>(true);
const batch: Batch = { tokens: new Int32Array(4), targets: new Int32Array(4), B: 2, T: 2, normalizer: 4 };
// @ts-expect-error its sizes must be said
const sizeless: Batch = { tokens: new Int32Array(4), targets: new Int32Array(4) };

// A model from elsewhere can be measured: what the harness needs of it is an interface.
const uniform: LanguageModel = {
  name: "uniform",
  maxLength: 1024,
  scoreContinuations: async (requests) =>
    requests.map(({ continuation }) => ({ logLikelihood: -continuation.length, isGreedy: false, tokens: 1 })),
  scoreText: async (text) => ({ logLikelihood: -text.length, tokens: text.length }),
  generate: async (requests) => requests.map(() => ""),
  renderChat: () => "",
};
const { acc } = scoreItem({ choices: ["a", "b"], gold: [0] }, [-1, -2]);
expectType<Equal<typeof acc, 0 | 1>>(true);
const mean = meanScore([acc]);
expectType<Equal<typeof mean, Score>>(true);
// @ts-expect-error right ones are positions in a list
scoreItem({ choices: ["a", "b"], gold: 0 }, [-1, -2]);
// @ts-expect-error a port is a number
await startServer({ generator }, { port: "8080" });

export const results: readonly unknown[] = [settings, misspelt, report, readMetrics, batch, sizeless, uniform];
