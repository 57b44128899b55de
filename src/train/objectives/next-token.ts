import { createHash } from "node:crypto";
import { z } from "zod";
import { readPackMeta, TokenDataset } from "../../data/pack/tokens/index.ts";
import {
  type Architecture,
  architectureOfSection,
  type CausalModel,
  type Families,
  modelSectionSchema,
} from "../../models/index.ts";
import { NuwaError } from "../../text/errors.ts";
import type { Tokenizer } from "../../tokenizer/index.ts";
import { inputOf } from "../job.ts";
import { builtInChoices, hasOneLength, oneLengthMessage, type TrainingKeys, trainingKeysOf } from "../settings.ts";
import { causalLoss } from "./causal-loss.ts";
import { defineObjective, type PrepareContext } from "./define.ts";
import { heldOutLoss, type TextObjective } from "./held-out.ts";
import { initArchitecture } from "./init.ts";
import { type ModelPlan, trainedModel } from "./models.ts";
import { type Batch, type Objective, outlineArray, type StepOutline } from "./objective.ts";

const count = z.int().positive();

const section = (keys: TrainingKeys, families: Families) =>
  z
    .strictObject({
      model: modelSectionSchema(families)
        .prefault({})
        .describe("Shape of the model; its vocabulary comes from the tokenizer and its context from the key below."),
      context: count.default(256).describe("Tokens that the model sees at once."),
      cross_document_attention: z
        .boolean()
        .default(true)
        .describe(
          "Whether a token sees the documents before its own in the same window; false: its own document only.",
        ),
      ...keys,
      optimizer: keys.optimizer
        .unwrap()
        .prefault({ name: "muon" })
        .describe("How weights are changed by their gradients."),
      dropout: z.number().min(0).lt(1).default(0).describe("Share of activations dropped in training."),
      sample_prompts: z.array(z.string()).default([""]).describe("What samples begin with; empty for a new document."),
    })
    .refine(hasOneLength, oneLengthMessage);

/** Settings of the `pretrain` section of a recipe. */
export const pretrainSettings = section(trainingKeysOf(builtInChoices), builtInChoices.families);

/** A recipe's section `pretrain`, checked. */
export type PretrainSettings = z.output<typeof pretrainSettings>;

/** What next-token training reads of its settings. */
export type NextTokenSettings = Pick<
  PretrainSettings,
  "context" | "batch" | "accumulate" | "seed" | "eval_tokens" | "cross_document_attention"
>;

/** The one model that is trained. */
type NextTokenModels = { readonly model: CausalModel };

/** Learn to continue text: packed tokens to a model. */
export const nextToken = defineObjective({
  name: "next-token",
  stage: "pretrain",
  version: 1,
  schema: section,
  description: "Train the model to continue text",
  reads: () => ["pack"],
  init: "optional",
  model: "causal",
  defaultLength: { steps: 2000 },
  // Released runs let documents see each other.
  implied: () => ({ cross_document_attention: true }),
  // The real vocabulary is known when the tokenizer is trained, and it may come out smaller than asked for: what does
  // not fit with the smallest one fits with none.
  outline: (settings, families) =>
    settings.init === undefined
      ? outlineOf(trainedModel(freshArchitecture(settings, 256, families)), settings)
      : undefined,
  report: {
    title: "How the loss fell",
    lead: "The loss says how surprised the model is by the next token: lower is better, and when held-out text no longer follows training text, it begins to learn by heart.",
  },
  prepare,
});

async function prepare(settings: PretrainSettings, { job, tokenizer, families }: PrepareContext): Promise<Objective> {
  const folder = inputOf(job, "pack");
  const architecture =
    job.init === undefined
      ? freshArchitecture(settings, tokenizer.vocabSize, families)
      : await initArchitecture(job.init, settings, tokenizer, families);
  const prompts = settings.sample_prompts.map((text) => ({ text, ids: begin(tokenizer, text) }));
  const meta = await readPackMeta(folder);
  const training = await TokenDataset.open(folder, "train", { tokenizer });
  const validation = meta.splits.val === undefined ? undefined : await TokenDataset.open(folder, "val", { tokenizer });
  return {
    ...createNextTokenObjective(trainedModel(architecture, job.init), { training, validation, tokenizer }, settings),
    samples: { prompts, writer: ({ model }: NextTokenModels) => model },
    endTokens: tokenizer.eosId === undefined ? [] : [tokenizer.eosId],
  };
}

function freshArchitecture(
  { model, context, dropout }: PretrainSettings,
  vocabulary: number,
  families: Families,
): Architecture {
  return architectureOfSection(model, { vocabulary, context, dropout }, { where: "pretrain.model", families });
}

/** A prompt's tokens. An empty one is the start of a document; a vocabulary without that token begins with its first. */
function begin(tokenizer: Tokenizer, text: string): Uint32Array {
  const ids = tokenizer.encode(text);
  return ids.length > 0 ? ids : Uint32Array.of(tokenizer.bosId ?? tokenizer.eosId ?? 0);
}

function outlineOf(
  model: ModelPlan<CausalModel>,
  { context: T, cross_document_attention: crossing }: NextTokenSettings,
): StepOutline<NextTokenModels> {
  return {
    models: { model },
    outline: (B) => {
      const array = outlineArray(B * T);
      const isolated = crossing ? {} : { segments: array, positions: array };
      return { B, T, tokens: array, targets: array, ...isolated, normalizer: B * T };
    },
    loss: (tape, models, batch) => ({ loss: causalLoss(tape, models.model, batch).loss }),
  };
}

export interface NextTokenData {
  readonly training: TokenDataset;
  readonly validation: TokenDataset | undefined;
  /** Says which text the held-out tokens stand for. */
  readonly tokenizer: Pick<Tokenizer, "tokenBytes">;
}

/**
 * Continuing text: windows of the token stream at random places, each token predicted from those before it in its
 * window. Which windows a step sees depends on the seed and the step alone.
 *
 * @throws NuwaError DATA when a split has fewer tokens than it takes, VALUE when documents are to be told apart and no
 *   token separates them
 */
export function createNextTokenObjective(
  model: ModelPlan<CausalModel>,
  { training, validation, tokenizer }: NextTokenData,
  settings: NextTokenSettings,
): TextObjective<NextTokenModels> {
  const { batch: B, accumulate, context: T, seed, cross_document_attention: crossing } = settings;
  training.requireContext(T);
  const separator = crossing ? undefined : requireSeparator(training);
  const tokens = B * T * accumulate;
  return {
    ...outlineOf(model, settings),
    stepsPerEpoch: Math.max(1, Math.ceil((training.length - 1) / tokens)),
    next(step) {
      const batches = Array.from({ length: accumulate }, (_, microBatch): Batch => {
        const { inputs, targets } = training.batch(step, microBatch, B, T, seed);
        return { B, T, tokens: inputs, targets, ...segmentsOf(inputs, T, separator), normalizer: tokens };
      });
      return Promise.resolve({ batches, tokens });
    },
    heldOut: validation === undefined ? undefined : heldOut(validation, tokenizer, { ...settings, separator }),
    endTokens: [],
    fingerprint: fingerprint(training),
    warnings: [],
    close() {
      training.close();
      validation?.close();
      return Promise.resolve();
    },
  };
}

function requireSeparator(dataset: TokenDataset): number {
  if (dataset.separator !== undefined) return dataset.separator;
  throw new NuwaError("VALUE", "the documents were packed without a token between them: they cannot be told apart", {
    where: "cross_document_attention",
    hint: "pack with separator: eos, or let tokens see the documents before their own",
  });
}

/**
 * Which document each token of (B, T) belongs to, and its position there. A separator opens the document after it: from
 * it alone the first token is predicted, as when the model writes.
 *
 * @param separator undefined when documents may see each other
 */
function segmentsOf(
  tokens: Int32Array,
  T: number,
  separator: number | undefined,
): Pick<Batch, "segments" | "positions"> {
  if (separator === undefined) return {};
  const segments = new Int32Array(tokens.length);
  const positions = new Int32Array(tokens.length);
  let [segment, position] = [0, 0];
  for (const [i, token] of tokens.entries()) {
    if (i % T === 0) [segment, position] = [0, 0];
    else if (token === separator) [segment, position] = [segment + 1, 0];
    segments[i] = segment;
    positions[i] = position++;
  }
  return { segments, positions };
}

/**
 * Windows side by side, so that every token but the first is scored once, each with the tokens of its window before
 * it. A split longer than `evalTokens` is scored at windows spread evenly over it, the same ones every time.
 */
function heldOut(
  dataset: TokenDataset,
  tokenizer: Pick<Tokenizer, "tokenBytes">,
  settings: NextTokenSettings & { readonly separator: number | undefined },
): TextObjective<NextTokenModels>["heldOut"] {
  const { batch, context: T, eval_tokens: evalTokens, separator } = settings;
  if (dataset.length < 2) {
    throw new NuwaError("DATA", `the held-out text has ${dataset.length} tokens: nothing to score`, {
      hint: "hold more text out (val_share), or give more text",
    });
  }
  const windows = Math.ceil((dataset.length - 1) / T);
  const used = Math.min(windows, Math.max(1, Math.floor(evalTokens / T)));
  const starts = Array.from({ length: used }, (_, i) => Math.floor((i * windows) / used) * T);
  const read = (start: number): Int32Array => dataset.read(start, Math.min(T + 1, dataset.length - start));
  return heldOutLoss({
    model: ({ model }: NextTokenModels) => model,
    *batches() {
      for (let i = 0; i < starts.length; i += batch) {
        yield toBatch(starts.slice(i, i + batch).map(read), T, separator);
      }
    },
    ...measureText(starts, read, tokenizer, dataset.separator),
  });
}

/** Targets of each window are its inputs one further; a short one is padded where nothing is predicted. */
function toBatch(windows: readonly Int32Array[], T: number, separator: number | undefined): Batch {
  const B = windows.length;
  const tokens = new Int32Array(B * T);
  const targets = new Int32Array(B * T).fill(-1);
  for (const [b, window] of windows.entries()) {
    tokens.set(window.subarray(0, -1), b * T);
    targets.set(window.subarray(1), b * T);
  }
  return { B, T, tokens, targets, ...segmentsOf(tokens, T, separator), normalizer: 1 };
}

/** UTF-8 bytes and characters of all targets; separators are scored, but are no text. */
function measureText(
  starts: readonly number[],
  read: (start: number) => Int32Array,
  tokenizer: Pick<Tokenizer, "tokenBytes">,
  separator: number | undefined,
): { readonly bytes: number; readonly characters: number } {
  let bytes = 0;
  let characters = 0;
  for (const start of starts) {
    for (const id of read(start).subarray(1)) {
      if (id === separator) continue;
      for (const byte of tokenizer.tokenBytes(id)) {
        bytes++;
        if ((byte & 0xc0) !== 0x80) characters++; // a character's later bytes are 10xxxxxx
      }
    }
  }
  return { bytes, characters };
}

/** Tokens at both ends that stand for all: a corpus is too large to read whole before each run. */
const SAMPLED = 65_536;

function fingerprint(dataset: TokenDataset): string {
  const hash = createHash("sha256").update(JSON.stringify(dataset.meta));
  const count = Math.min(SAMPLED, dataset.length);
  for (const start of [0, dataset.length - count]) hash.update(dataset.read(start, count));
  return hash.digest("hex");
}
