import { join } from "node:path";
import { hashFile, hashValue } from "../../../io/hash.ts";
import { loadTokenizer } from "../../../tokenizer/index.ts";
import type { FilesContext, FilesOutcome } from "../../define-files-stage.ts";
import { readPackMeta } from "./meta.ts";
import { packDocuments } from "./pack.ts";
import type { PackSettings } from "./settings.ts";

/** Up to four epochs are nearly as good as new text (Muennighoff et al. 2023, "Scaling data-constrained language models"). */
const USEFUL_EPOCHS = 4;

/** Documents to token files. */
export async function writeTokens(settings: PackSettings, context: FilesContext): Promise<FilesOutcome> {
  const { folder, signal } = context;
  await packDocuments(context.documents, await loadTokenizer(context.tokenizer), {
    outDir: folder,
    valShare: settings.val_share,
    split: settings.split,
    seed: settings.seed,
    separator: settings.separator,
    mixture: settings.mixture,
    mixtureTokens: settings.mixture_tokens,
    onProgress: ({ documents, tokens }) => context.progress(documents, [tokens, " tokens"]),
    signal,
  });
  const meta = await readPackMeta(folder);
  for (const { source, epochs } of meta.mixture ?? []) {
    if (epochs > USEFUL_EPOCHS)
      context.warn(
        `${source} is read ${epochs.toFixed(1)} times; beyond ${USEFUL_EPOCHS} a model learns little more from it`,
      );
  }
  const { train, val } = meta.splits;
  const perToken = (train.bytes + (val?.bytes ?? 0)) / Math.max(1, train.tokens + (val?.tokens ?? 0));
  const files = ["train.bin", ...(val === undefined ? [] : ["val.bin"])].map((name) => hashFile(join(folder, name)));
  return {
    output: hashValue([files, meta]),
    summary: { train_tokens: train.tokens, val_tokens: val?.tokens ?? 0, bytes_per_token: Number(perToken.toFixed(4)) },
    line: [train.tokens, " tokens to train on, ", val?.tokens ?? 0, ` held out, ${perToken.toFixed(2)} bytes a token`],
  };
}
