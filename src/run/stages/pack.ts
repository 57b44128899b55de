import { existsSync } from "node:fs";
import * as path from "node:path";
import { packDocuments, packSettings, readPackMeta, type PackSettings } from "../../data/pack/tokens/index.ts";
import { toJson, type Document } from "../../text/index.ts";
import { loadTokenizer } from "../../tokenizer/index.ts";
import { hashFile, hashValue } from "../../io/hash.ts";
import { count } from "../progress.ts";
import type { RunDirectory } from "../manifest/run-directory.ts";
import { ShardFolder } from "../shards/shards.ts";
import { defineRecipeStage } from "./recipe-stage.ts";
import { Interrupted, stopIfAborted, type StageContext, type StageOutcome } from "./stage.ts";

/** Documents to token files. */
export const packStage = defineRecipeStage({
  name: "pack",
  group: "data",
  summary: "Turn text into token files: training and held-out data.",
  schema: packSettings,
  inherits: ["seed"],
  create: (settings, { directory, documents, require }) => {
    const tokenizer = require("tokenizer");
    const before = documents();
    return {
      name: "pack",
      version: 1,
      settings: toJson(settings),
      after: [before, tokenizer],
      outputs: [directory.tokens],
      precious: false,
      isWhole: () => ["meta.json", "train.bin"].every((name) => existsSync(path.join(directory.tokens, name))),
      run: (context) => run(directory, settings, before, context),
    };
  },
});

async function run(
  directory: RunDirectory,
  settings: PackSettings,
  before: string,
  { progress, signal }: StageContext,
): Promise<StageOutcome> {
  const documents = new ShardFolder(directory.data(before));
  const tokenizer = await loadTokenizer(directory.tokenizer);
  const bar = progress.bar("pack", "documents", documents.summary()?.statistics.out.documents);
  async function* stoppable(): AsyncGenerator<Document> {
    for await (const document of documents.read()) {
      stopIfAborted(signal);
      yield document;
    }
  }
  await packDocuments(stoppable(), tokenizer, {
    outDir: directory.tokens,
    valShare: settings.val_share,
    split: settings.split,
    seed: settings.seed,
    separator: settings.separator,
    mixture: settings.mixture,
    mixtureTokens: settings.mixture_tokens,
    onProgress: (state) => bar.update(state.documents, `${count(state.tokens)} tokens`),
    signal,
  }).catch((error: unknown) => {
    if (signal.aborted) throw new Interrupted();
    throw error;
  });
  const meta = await readPackMeta(directory.tokens);
  for (const { source, epochs } of meta.mixture ?? []) {
    // Up to four epochs are nearly as good as new text (Muennighoff et al. 2023, "Scaling data-constrained language models").
    if (epochs > 4)
      progress.warn(`${source} is read ${epochs.toFixed(1)} times; beyond 4 a model learns little more from it`);
  }
  const { train, val } = meta.splits;
  const perToken = (train.bytes + (val?.bytes ?? 0)) / Math.max(1, train.tokens + (val?.tokens ?? 0));
  bar.done(
    `${count(train.tokens)} tokens to train on, ${count(val?.tokens ?? 0)} held out, ${perToken.toFixed(2)} bytes a token`,
  );
  const files = ["train.bin", ...(val === undefined ? [] : ["val.bin"])].map((name) =>
    hashFile(path.join(directory.tokens, name)),
  );
  return {
    output: hashValue([files, meta]),
    summary: { train_tokens: train.tokens, val_tokens: val?.tokens ?? 0, bytes_per_token: Number(perToken.toFixed(4)) },
  };
}
