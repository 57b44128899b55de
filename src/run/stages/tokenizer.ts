import { existsSync } from "node:fs";
import * as path from "node:path";
import {
  defaultChatTemplate,
  saveTokenizer,
  tokenizerSettings,
  trainTokenizer,
  type TokenizerSettings,
} from "../../tokenizer/index.ts";
import { NuwaError, toJson } from "../../text/index.ts";
import { hashFile, hashValue } from "../../io/hash.ts";
import { count } from "../progress.ts";
import type { RunDirectory } from "../manifest/run-directory.ts";
import { ShardFolder } from "../shards/shards.ts";
import { defineRecipeStage } from "./recipe-stage.ts";
import { Interrupted, stopIfAborted } from "../interrupted.ts";
import type { StageContext, StageOutcome } from "./stage.ts";

/** Trains the tokenizer on the documents that the data stages left. */
export const tokenizerStage = defineRecipeStage({
  name: "tokenizer",
  group: "tokenizer",
  summary: "Train the tokenizer on what is left.",
  schema: tokenizerSettings,
  create: (settings, { directory, documents }) => {
    const before = documents();
    const file = path.join(directory.tokenizer, "tokenizer.json");
    const config = path.join(directory.tokenizer, "tokenizer_config.json");
    return {
      name: "tokenizer",
      version: 1,
      settings: toJson(settings),
      after: [before],
      outputs: [directory.tokenizer],
      precious: false,
      isWhole: () => existsSync(file) && existsSync(config),
      run: (context) => run(directory, settings, before, context),
    };
  },
});

/** @throws NuwaError DATA with the rules that removed the most, when the data stages left no document */
function refuseNothingLeft({ directory, manifest }: StageContext, documents: ShardFolder): void {
  if (documents.summary()?.statistics.out.documents !== 0) return;
  const rules = Object.keys(manifest.data.stages).flatMap((stage) => {
    const removed = new ShardFolder(directory.data(stage)).summary()?.statistics.removed ?? {};
    return Object.entries(removed).map(([rule, { documents: size }]) => ({ name: `${stage}/${rule}`, size }));
  });
  const most = rules.toSorted((a, b) => b.size - a.size).slice(0, 4);
  const who = most.map(({ name, size }) => `${name} ${count(size)}`).join(", ");
  throw new NuwaError("DATA", `no document is left to work on${who === "" ? "" : `; removed by ${who}`}`, {
    where: directory.show(directory.root),
    hint: `\`nuwa data removed ${directory.show(directory.root)}\` shows them; loosen the rule in the recipe`,
  });
}

async function run(
  directory: RunDirectory,
  settings: TokenizerSettings,
  before: string,
  context: StageContext,
): Promise<StageOutcome> {
  const { progress, signal } = context;
  const documents = new ShardFolder(directory.data(before));
  refuseNothingLeft(context, documents);
  const bar = progress.bar("tokenizer", "documents", documents.summary()?.statistics.out.documents);
  let read = 0;
  async function* texts(): AsyncGenerator<string> {
    for await (const document of documents.read()) {
      stopIfAborted(signal);
      bar.update(++read);
      yield document.text;
    }
  }
  const tokenizer = await trainTokenizer(texts(), settings, {
    onProgress: (state) => {
      if (state.phase === "merge") bar.update(read, `merge ${count(state.merges)} of ${count(state.of)}`);
      if (state.phase === "prune")
        bar.update(read, `${count(state.tokens)} candidates left for ${count(state.target)}`);
      if (state.phase !== "forgotten") return;
      progress.warn(
        `the tokenizer had room for no more different pieces of text: ${count(state.pieces)} of the rarest, seen ${count(state.occurrences)} times in all, were left out (tokenizer.max_pieces)`,
      );
    },
    signal,
  }).catch((error: unknown) => {
    if (signal.aborted) throw new Interrupted();
    throw error;
  });
  await saveTokenizer(directory.tokenizer, tokenizer, { chatTemplate: defaultChatTemplate });
  const files = ["tokenizer.json", "tokenizer_config.json"].map((name) =>
    hashFile(path.join(directory.tokenizer, name)),
  );
  bar.done(`${count(tokenizer.vocabSize)} tokens`);
  if (settings.vocab_size > tokenizer.vocabSize) {
    progress.warn(
      `the text gives only ${count(tokenizer.vocabSize)} tokens of the ${count(settings.vocab_size)} in tokenizer.vocab_size: more text makes more`,
    );
  }
  return { output: hashValue(files), summary: { vocabulary: tokenizer.vocabSize } };
}
