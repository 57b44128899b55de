/** For tests: a corpus small enough to train on in a second, tokenized and packed, and a job for it. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packDocuments } from "../data/pack/tokens/index.ts";
import { nativeAvailable, PhiloxStream } from "../tensor/index.ts";
import { saveTokenizer, trainCharacters } from "../tokenizer/index.ts";
import type { TrainJob } from "./job.ts";
import { pretrainSettings, type PretrainSettings } from "./objectives/next-token.ts";

/** Every test holds on both; the reference device is only slower. */
export const fastestDevice = nativeAvailable().available ? "cpu" : "reference";

/** Sentences that a model can learn something from, made by chance from a few words. */
export function corpus(sentences: number): string {
  const random = new PhiloxStream(11);
  const pick = (...words: readonly string[]): string => words[random.below(words.length)] ?? "";
  const sentence = (): string =>
    `${pick("a", "the")} ${pick("cat", "dog", "bird", "fish")} ${pick("sees", "hears", "likes")} ` +
    `${pick("a", "the")} ${pick("tree", "house", "river")}.`;
  return Array.from({ length: sentences }, sentence).join("\n");
}

/** A job of which the settings are known. */
export type PretrainJob = TrainJob & { readonly settings: PretrainSettings };

/**
 * @returns a job with all its files in a new temporary folder `root`
 * @param settings over small defaults
 */
export async function makeJob(
  settings: Readonly<Record<string, unknown>> = {},
  sentences = 200,
): Promise<{ readonly root: string; readonly job: PretrainJob }> {
  const root = await mkdtemp(join(tmpdir(), "nuwa-train-"));
  const text = corpus(sentences);
  const tokenizerFolder = join(root, "tokenizer");
  const tokenizer = await trainCharacters(lines(text), { specialTokens: ["<|endoftext|>"] });
  await saveTokenizer(tokenizerFolder, tokenizer);
  const tokens = join(root, "tokens");
  const document = { id: "1", text, source: "made up", meta: {} };
  await packDocuments([document], tokenizer, { outDir: tokens, valShare: 0.1, split: "contiguous" });
  const small = {
    model: { num_hidden_layers: 1, hidden_size: 16, num_attention_heads: 2 },
    context: 16,
    batch: 4,
    steps: 12,
    eval_every: 0,
    eval_tokens: 64,
    sample_every: 0,
    checkpoint_every: 4,
    schedule: { name: "cosine", warmup_steps: 2 },
    device: fastestDevice,
  };
  const job: PretrainJob = {
    stage: "pretrain",
    directory: join(root, "run"),
    tokenizer: tokenizerFolder,
    inputs: { pack: tokens },
    settings: pretrainSettings.parse({ ...small, ...settings }),
  };
  return { root, job };
}

async function* lines(text: string): AsyncGenerator<string> {
  yield text;
}
