import { join } from "node:path";
import { readPackMeta, TokenDataset } from "../data/pack/tokens/index.ts";
import { type Architecture, architectureOfSection, readArchitecture, type SpecialTokenIds } from "../models/index.ts";
import { NuwaError } from "../text/errors.ts";
import {
  defaultChatTemplate,
  encodeDialogue,
  type EncodedDialogue,
  encodePrompt,
  loadChatTemplate,
  loadTokenizer,
  stopIds,
  type Tokenizer,
} from "../tokenizer/index.ts";
import { hashFileAsync } from "../io/hash.ts";
import { type DialogueFile, readDialogues } from "./dialogues.ts";
import type { PretrainJob, SftJob, TrainJob } from "./job.ts";
import { createDialogueObjective } from "./objectives/dialogue.ts";
import { createNextTokenObjective } from "./objectives/next-token.ts";
import type { Objective } from "./objectives/objective.ts";

export interface SamplePrompt {
  readonly text: string;
  readonly ids: Uint32Array;
}

/** What a job's files come to: all that can be wrong with them is found here, before any memory is taken. */
export interface Prepared {
  readonly tokenizer: Tokenizer;
  readonly objective: Objective;
  readonly architecture: Architecture;
  readonly prompts: readonly SamplePrompt[];
  /** Tokens that end a sample. */
  readonly stop: ReadonlySet<number>;
  /** Written beside the model; the end token is what ends an answer, where there are answers. */
  readonly specialTokens: SpecialTokenIds;
  /** Of tokenizer.json. */
  readonly vocabularyFingerprint: string;
  /** Of the weights to begin from. */
  readonly initFingerprint: string | undefined;
}

/** @throws NuwaError DATA, FILE, CHECKPOINT or VALUE for files and settings that cannot be trained with */
export async function prepare(job: TrainJob): Promise<Prepared> {
  const tokenizer = await loadTokenizer(job.tokenizer);
  const parts = job.stage === "pretrain" ? await preparePretrain(job, tokenizer) : await prepareSft(job, tokenizer);
  const [stop] = parts.stop;
  return {
    tokenizer,
    ...parts,
    specialTokens: { bos_token_id: tokenizer.bosId, eos_token_id: stop, pad_token_id: tokenizer.padId },
    vocabularyFingerprint: await hashFileAsync(join(job.tokenizer, "tokenizer.json")),
    initFingerprint: job.init === undefined ? undefined : await hashFileAsync(join(job.init, "model.safetensors")),
  };
}

type Parts = Pick<Prepared, "objective" | "architecture" | "prompts" | "stop">;

async function preparePretrain(job: PretrainJob, tokenizer: Tokenizer): Promise<Parts> {
  const { settings } = job;
  const { context, batch, accumulate, seed, dropout, eval_tokens: evalTokens } = settings;
  const architecture =
    job.init === undefined
      ? architectureOfSection(settings.model, { vocabulary: tokenizer.vocabSize, context, dropout }, { where: "model" })
      : await given(job.init, job, tokenizer);
  const prompts = settings.sample_prompts.map((text) => ({ text, ids: begin(tokenizer, text) }));
  const meta = await readPackMeta(job.tokens);
  const training = await TokenDataset.open(job.tokens, "train", { tokenizer });
  const validation =
    meta.splits.val === undefined ? undefined : await TokenDataset.open(job.tokens, "val", { tokenizer });
  const objective = createNextTokenObjective(training, validation, tokenizer, {
    context,
    batch,
    accumulate,
    seed,
    evalTokens,
  });
  return { objective, architecture, prompts, stop: new Set(tokenizer.eosId === undefined ? [] : [tokenizer.eosId]) };
}

/** A prompt's tokens. An empty one is the start of a document; a vocabulary without that token begins with its first. */
function begin(tokenizer: Tokenizer, text: string): Uint32Array {
  const ids = tokenizer.encode(text);
  return ids.length > 0 ? ids : Uint32Array.of(tokenizer.bosId ?? tokenizer.eosId ?? 0);
}

async function prepareSft(job: SftJob, tokenizer: Tokenizer): Promise<Parts> {
  const { settings } = job;
  const architecture = await given(job.init, job, tokenizer);
  const context = settings.context ?? architecture.config.max_position_embeddings;
  const template = (await loadChatTemplate(job.tokenizer)) ?? defaultChatTemplate;
  const warnings: string[] = [];
  const encode = async (path: string): Promise<readonly EncodedDialogue[]> => {
    const { dialogues, problems } = encodeDialogues(await readDialogues(path), tokenizer, template);
    const [first] = problems;
    if (first !== undefined) {
      warnings.push(`${problems.length} records of ${path} skipped, the first at ${first.where}: ${first.message}`);
    }
    return dialogues;
  };
  const training = await encode(job.train);
  const validation = job.validation === undefined ? undefined : await encode(job.validation);
  const { batch, accumulate, seed, packing, eval_tokens: evalTokens } = settings;
  const objective = createDialogueObjective(training, validation, {
    batch,
    accumulate,
    context,
    seed,
    packing,
    evalTokens,
  });
  const prompts = settings.sample_prompts.map((text) => ({
    text,
    ids: encodePrompt(tokenizer, template, [{ role: "user", content: text }]),
  }));
  return {
    objective: { ...objective, warnings: [...warnings, ...objective.warnings] },
    architecture,
    prompts,
    stop: new Set(stopIds(tokenizer, template)),
  };
}

/** Encodes what can be encoded; a dialogue with, say, characters that the vocabulary lacks is a problem to report. */
function encodeDialogues(
  file: DialogueFile,
  tokenizer: Tokenizer,
  template: string,
): { readonly dialogues: readonly EncodedDialogue[]; readonly problems: DialogueFile["problems"] } {
  const problems = [...file.problems];
  const dialogues = file.dialogues.flatMap(({ messages, weight, where }) => {
    try {
      const { ids, weights } = encodeDialogue(tokenizer, template, messages);
      return [{ ids, weights: weight === 1 ? weights : weights.map((w) => w * weight) }];
    } catch (error) {
      if (!(error instanceof NuwaError)) throw error;
      problems.push({ where, message: error.message });
      return [];
    }
  });
  return { dialogues, problems };
}

/** The architecture of the model to begin from, with this run's dropout. @throws NuwaError when it does not fit the job */
async function given(init: string, { settings }: TrainJob, tokenizer: Tokenizer): Promise<Architecture> {
  const architecture = await readArchitecture(init);
  const { config } = architecture;
  const { context, dropout } = settings;
  if (context !== undefined && context > config.max_position_embeddings) {
    throw new NuwaError(
      "VALUE",
      `expected a context of at most ${config.max_position_embeddings}, the model's own, got ${context}`,
      { where: "context" },
    );
  }
  if (tokenizer.vocabSize > config.vocab_size) {
    throw new NuwaError(
      "CHECKPOINT",
      `the tokenizer has ${tokenizer.vocabSize} tokens, the model knows ${config.vocab_size}`,
      { where: init, hint: "use the tokenizer that the model was trained with" },
    );
  }
  return architecture.withDropout({ hidden: dropout });
}
