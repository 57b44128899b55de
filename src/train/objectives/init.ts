import { join } from "node:path";
import { existsSync } from "node:fs";
import { tokenizerHash } from "../../data/pack/tokens/index.ts";
import { type Architecture, type Families, readArchitecture } from "../../models/index.ts";
import { NuwaError } from "../../text/errors.ts";
import { loadTokenizer, type Tokenizer } from "../../tokenizer/index.ts";

/**
 * The architecture of the model that a run begins with, with the run's own dropout.
 *
 * @param settings.context what the run asks of it
 * @throws NuwaError VALUE for a context that is longer than the model's, CHECKPOINT for a model of another tokenizer
 */
export async function initArchitecture(
  init: string,
  settings: { readonly context?: number | undefined; readonly dropout?: number | undefined },
  tokenizer: Tokenizer,
  families?: Families,
): Promise<Architecture> {
  const architecture = await readArchitecture(init, families);
  const { config } = architecture;
  const { context, dropout } = settings;
  if (context !== undefined && context > config.max_position_embeddings) {
    throw new NuwaError(
      "VALUE",
      `expected a context of at most ${config.max_position_embeddings}, the model's own, got ${context}`,
      { where: "context" },
    );
  }
  const hint = "use the tokenizer that the model was trained with";
  if (tokenizer.vocabSize > config.vocab_size) {
    throw new NuwaError(
      "CHECKPOINT",
      `the tokenizer has ${tokenizer.vocabSize} tokens, the model knows ${config.vocab_size}`,
      { where: init, hint },
    );
  }
  if (existsSync(join(init, "tokenizer.json"))) {
    const own = tokenizerHash(await loadTokenizer(init));
    if (own !== tokenizerHash(tokenizer)) {
      throw new NuwaError("CHECKPOINT", "the model was trained with another tokenizer than this run's", {
        where: init,
        hint,
      });
    }
  }
  return architecture.withDropout({ hidden: dropout });
}
