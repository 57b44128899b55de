import type { MergeCorpus } from "./merge-corpus.ts";
import { PairQueue } from "./pair-queue.ts";

export interface LearnOptions {
  /** Tokens in all, those that are there already included. */
  readonly vocabSize: number;
  /** A pair must occur so often. */
  readonly minFrequency: number;
  /** The token that a left and a right one make. */
  readonly join: (left: string, right: string) => string;
  /** Called every 64 merges and at the end. */
  readonly onMerge?: (merges: number, of: number, token: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Merges the most frequent pair, again and again, until the vocabulary is full or no pair is left; appends the new
 * tokens to `tokens`. Among equals the smaller ids come first, as in Hugging Face's trainer.
 *
 * @returns left, right and result, by rank
 */
export function learnMerges(
  corpus: MergeCorpus,
  tokens: string[],
  options: LearnOptions,
): (readonly [left: number, right: number, result: number])[] {
  const { minFrequency } = options;
  const first = tokens.length;
  const of = options.vocabSize - first;
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const queue = new PairQueue(corpus);
  const merges: (readonly [number, number, number])[] = [];
  const enqueueGrown = (): void => {
    for (const pair of corpus.takeGrown()) queue.push(pair, corpus.counts[pair] ?? 0);
  };
  enqueueGrown();
  while (tokens.length < options.vocabSize) {
    const pair = queue.pop();
    if (pair < 0) break;
    const count = corpus.counts[pair] ?? 0;
    if (count !== queue.count) {
      // It has lost places since it was queued.
      if (count >= minFrequency) queue.push(pair, count);
      continue;
    }
    const left = corpus.left[pair] ?? 0;
    const right = corpus.right[pair] ?? 0;
    const token = options.join(tokens[left] ?? "", tokens[right] ?? "");
    // "ab"+"c" and "a"+"bc" are two merges to one token.
    const result = ids.get(token) ?? tokens.length;
    if (result === tokens.length) {
      tokens.push(token);
      ids.set(token, result);
    }
    merges.push([left, right, result]);
    corpus.merge(pair, result);
    enqueueGrown();
    if (merges.length % 64 === 0) {
      options.signal?.throwIfAborted();
      options.onMerge?.(tokens.length - first, of, token);
    }
  }
  options.onMerge?.(tokens.length - first, of, tokens.at(-1) ?? "");
  return merges;
}
