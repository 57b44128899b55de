import { createHash } from "node:crypto";
import { type TokenDataset } from "../../data/pack/tokens/index.ts";
import { NuwaError } from "../../text/errors.ts";
import type { Tokenizer } from "../../tokenizer/index.ts";
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

/**
 * Continuing text: windows of the token stream at random places, each token predicted from those before it in its
 * window. Which windows a step sees depends on the seed and the step alone.
 *
 * @param tokenizer says which text the held-out tokens stand for
 * @throws NuwaError DATA when a split has fewer tokens than it takes
 */
export function createNextTokenObjective(
  training: TokenDataset,
  validation: TokenDataset | undefined,
  tokenizer: Pick<Tokenizer, "tokenBytes">,
  settings: NextTokenSettings,
): Objective {
  const { batch: B, accumulate, context: T, seed } = settings;
  training.requireContext(T);
  const tokens = B * T * accumulate;
  return {
    name: "next-token",
    shape: { B, T },
    stepsPerEpoch: Math.max(1, Math.ceil((training.length - 1) / tokens)),
    step(step) {
      const batches = Array.from({ length: accumulate }, (_, microBatch): Batch => {
        const { inputs, targets } = training.batch(step, microBatch, B, T, seed);
        return { B, T, tokens: inputs, targets };
      });
      return Promise.resolve({ batches, normalizer: tokens, tokens });
    },
    heldOut: validation === undefined ? undefined : heldOut(validation, tokenizer, settings),
    fingerprint: fingerprint(training),
    warnings: [],
    close() {
      training.close();
      validation?.close();
      return Promise.resolve();
    },
  };
}

/**
 * Windows side by side, so that every token but the first is scored once, each with the tokens of its window before
 * it. A split longer than `evalTokens` is scored at windows spread evenly over it, the same ones every time.
 */
function heldOut(
  dataset: TokenDataset,
  tokenizer: Pick<Tokenizer, "tokenBytes">,
  { batch, context: T, evalTokens }: NextTokenSettings,
): HeldOut {
  if (dataset.length < 2) {
    throw new NuwaError("DATA", `the held-out text has ${dataset.length} tokens: nothing to score`, {
      hint: "hold more text out (val_share), or give more text",
    });
  }
  const windows = Math.ceil((dataset.length - 1) / T);
  const used = Math.min(windows, Math.max(1, Math.floor(evalTokens / T)));
  const starts = Array.from({ length: used }, (_, i) => Math.floor((i * windows) / used) * T);
  const read = (start: number): Int32Array => dataset.read(start, Math.min(T + 1, dataset.length - start));
  return {
    *batches() {
      for (let i = 0; i < starts.length; i += batch) yield toBatch(starts.slice(i, i + batch).map(read), T);
    },
    ...measureText(starts, read, tokenizer, dataset.separator),
  };
}

/** Targets of each window are its inputs one further; a short one is padded where nothing is predicted. */
function toBatch(windows: readonly Int32Array[], T: number): Batch {
  const B = windows.length;
  const tokens = new Int32Array(B * T);
  const targets = new Int32Array(B * T).fill(-1);
  for (const [b, window] of windows.entries()) {
    tokens.set(window.subarray(0, -1), b * T);
    targets.set(window.subarray(1), b * T);
  }
  return { B, T, tokens, targets };
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
