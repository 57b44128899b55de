import type { TokenDataset } from "../../data/pack/index.ts";
import { NuwaError } from "../../text/errors.ts";
import type { Batch, HeldOut, Objective } from "./objective.ts";

export interface NextTokenSettings {
  /** Windows in a micro-batch. */
  readonly batch: number;
  readonly accumulate: number;
  /** Tokens in a window. */
  readonly context: number;
  readonly seed: number;
  /** Most held-out tokens to score. */
  readonly evalTokens: number;
}

/** A token file, and the text that it stands for. */
export interface Split {
  readonly dataset: TokenDataset;
  /** For messages. */
  readonly path: string;
  /** UTF-8 bytes and characters of the whole split, where known. */
  readonly bytes?: number | undefined;
  readonly characters?: number | undefined;
}

/**
 * Continuing text: windows of the token stream at random places, each token predicted from those before it in its
 * window. Which windows a step sees depends on the seed and the step alone.
 *
 * @throws NuwaError DATA when a split has fewer tokens than one window takes
 */
export function createNextTokenObjective(
  training: Split,
  validation: Split | undefined,
  settings: NextTokenSettings & { readonly fingerprint: string },
): Objective {
  const { batch: B, accumulate, context: T, seed } = settings;
  requireLength(training, T);
  const tokens = B * T * accumulate;
  return {
    name: "next-token",
    shape: { B, T },
    stepsPerEpoch: Math.max(1, Math.ceil((training.dataset.length - 1) / tokens)),
    async step(step) {
      const batches: Batch[] = [];
      for (let microBatch = 0; microBatch < accumulate; microBatch++) {
        const { inputs, targets } = await training.dataset.batch(step, microBatch, B, T, seed);
        batches.push({ B, T, tokens: inputs, targets });
      }
      return { batches, normalizer: tokens, tokens };
    },
    heldOut: validation === undefined ? undefined : heldOut(validation, settings),
    fingerprint: settings.fingerprint,
    warnings: [],
    async close() {
      await training.dataset.close();
      await validation?.dataset.close();
    },
  };
}

function requireLength({ dataset, path }: Split, context: number): void {
  if (dataset.length > context) return;
  throw new NuwaError(
    "DATA",
    `the corpus is too small: ${dataset.length} tokens, and a context of ${context} takes at least ${context + 1}`,
    { where: path, hint: `give more text, or set context to less than ${dataset.length}` },
  );
}

/**
 * Windows side by side, so that every token but the first is scored once, each with the tokens of its window before
 * it. A split longer than `evalTokens` is scored at windows spread evenly over it, the same ones every time.
 */
function heldOut(split: Split, { batch, context: T, evalTokens }: NextTokenSettings): HeldOut {
  const scorable = split.dataset.length - 1;
  if (scorable < 1) {
    throw new NuwaError("DATA", `the held-out text has ${split.dataset.length} tokens: nothing to score`, {
      where: split.path,
      hint: "hold more text out, or give more of it",
    });
  }
  const windows = Math.ceil(scorable / T);
  const used = Math.min(windows, Math.max(1, Math.ceil(evalTokens / T)));
  const starts = Array.from({ length: used }, (_, i) => Math.floor((i * windows) / used) * T);
  const scored = starts.reduce((sum, start) => sum + Math.min(T, scorable - start), 0);
  // Of a part of the split, the text is known in proportion to its tokens.
  const share = scored / split.dataset.length;
  return {
    async *batches() {
      for (let i = 0; i < starts.length; i += batch) {
        yield await windowBatch(split.dataset, starts.slice(i, i + batch), T, scorable);
      }
    },
    ...(split.bytes === undefined ? {} : { bytes: split.bytes * share }),
    ...(split.characters === undefined ? {} : { characters: split.characters * share }),
  };
}

/** Reads windows; the last one of the split may be short, and is padded where nothing is predicted. */
async function windowBatch(
  dataset: TokenDataset,
  starts: readonly number[],
  T: number,
  scorable: number,
): Promise<Batch> {
  const B = starts.length;
  const tokens = new Int32Array(B * T);
  const targets = new Int32Array(B * T).fill(-1);
  for (const [b, start] of starts.entries()) {
    const length = Math.min(T, scorable - start);
    const window = await dataset.read(start, length + 1);
    for (let t = 0; t < length; t++) {
      tokens[b * T + t] = window[t] ?? 0;
      targets[b * T + t] = window[t + 1] ?? 0;
    }
  }
  return { B, T, tokens, targets };
}
