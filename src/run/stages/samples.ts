import * as z from "zod";
import { generateText, greedy, loadGenerator } from "../../generate/index.ts";
import { hashFile } from "../../io/hash.ts";
import { readJson } from "../../io/json.ts";
import { writeWhole } from "../../io/whole-file.ts";
import { openDevice } from "../../tensor/index.ts";
import type { RunDirectory } from "../manifest/run-directory.ts";
import { defineRecipeStage } from "./recipe-stage.ts";
import { stopIfAborted } from "../interrupted.ts";
import type { StageContext, StageOutcome } from "./stage.ts";
import { trainedModelOf } from "./train.ts";

const sampleSchema = z.array(z.object({ prompt: z.string(), text: z.string() }));

/** A prompt and what the finished model wrote after it. */
export type Sample = z.infer<typeof sampleSchema>[number];

const TOKENS = 80;

interface SamplesOptions {
  readonly prompts: readonly string[];
  readonly seed: number;
  readonly device: string;
}

/** Lets the pretrained model continue a few prompts. */
export const samplesStage = defineRecipeStage({
  name: "samples",
  group: "results",
  summary: "Prompts that the finished model continues at the end of the run and in the report.",
  schema: z.array(z.string()),
  create: (prompts, { directory, recipe: { seed, device }, require }) => {
    if (prompts.length === 0) return undefined;
    return {
      name: "samples",
      version: 1,
      settings: { prompts, seed, device },
      after: [require("pretrain")],
      outputs: [directory.samples],
      precious: false,
      isWhole: () => readSamples(directory) !== undefined,
      run: (context) => run(directory, { prompts, seed, device }, context),
    };
  },
});

/** The samples of a run, if it has come so far. */
export function readSamples(directory: RunDirectory): Sample[] | undefined {
  return sampleSchema.safeParse(readJson(directory.samples)).data;
}

async function run(directory: RunDirectory, options: SamplesOptions, context: StageContext): Promise<StageOutcome> {
  const bar = context.progress.bar("samples", "samples", options.prompts.length);
  const device = await openDevice(options.device, { threads: context.threads });
  try {
    const loaded = await loadGenerator(trainedModelOf(directory, "pretrain"), device, { families: context.families });
    const { tokenizer, generator } = loaded;
    const samples: Sample[] = [];
    for (const prompt of options.prompts) {
      stopIfAborted(context.signal);
      const ids = [...tokenizer.encode(prompt)];
      const start = ids.length > 0 ? ids : [tokenizer.bosId ?? tokenizer.eosId ?? 0];
      const settings = { ...greedy, temperature: 0.8, top_k: 50, seed: options.seed, max_tokens: TOKENS };
      const { text } = await generateText(generator, start, settings, { signal: context.signal });
      samples.push({ prompt, text });
      bar.update(samples.length);
    }
    stopIfAborted(context.signal);
    loaded.release();
    writeWhole(directory.samples, `${JSON.stringify(samples, null, 2)}\n`);
    bar.done(`${samples.length} texts continued`);
    return { output: hashFile(directory.samples), summary: { samples: samples.length } };
  } finally {
    device.dispose();
  }
}
