import type { TaskItem } from "./tasks/task.ts";

/** A measured mean, with its standard error. */
export interface Score {
  readonly value: number;
  /** √(sample variance / n); 0 for fewer than two items. */
  readonly standardError: number;
  readonly n: number;
}

/** Mean and standard error over items. */
export function meanScore(values: readonly number[]): Score {
  const n = values.length;
  if (n === 0) return { value: Number.NaN, standardError: Number.NaN, n };
  const value = values.reduce((sum, x) => sum + x, 0) / n;
  const variance = n < 2 ? 0 : values.reduce((sum, x) => sum + (x - value) ** 2, 0) / (n - 1);
  return { value, standardError: Math.sqrt(variance / n), n };
}

/** Position of the largest value; the first wins ties. NaN never wins. */
export function argmax(values: readonly number[]): number {
  let best = -1;
  for (const [i, value] of values.entries()) {
    if (!Number.isNaN(value) && (best < 0 || value > (values[best] ?? -Infinity))) best = i;
  }
  return best;
}

export interface ItemScore {
  /** Chosen by plain log-likelihood. */
  readonly predicted: number;
  /** Chosen by log-likelihood per character of the choice. */
  readonly predictedNorm: number;
  readonly acc: 0 | 1;
  readonly acc_norm: 0 | 1;
  /** Share of probability on true choices; only where the item has labels. */
  readonly mc2?: number;
}

/** Scores one item from the log-likelihoods (nats) of its choices. Length is counted in Unicode characters. */
export function scoreItem(item: TaskItem, logLikelihoods: readonly number[]): ItemScore {
  const predicted = argmax(logLikelihoods);
  const predictedNorm = argmax(
    logLikelihoods.map((value, i) => value / Math.max(1, [...(item.choices[i] ?? "")].length)),
  );
  const score: ItemScore = {
    predicted,
    predictedNorm,
    acc: predicted === item.gold ? 1 : 0,
    acc_norm: predictedNorm === item.gold ? 1 : 0,
  };
  if (item.labels === undefined) return score;
  const { labels } = item;
  const largest = Math.max(...logLikelihoods);
  const probabilities = logLikelihoods.map((value) => Math.exp(value - largest));
  const total = probabilities.reduce((sum, p) => sum + p, 0);
  const onTrue = probabilities.reduce((sum, p, i) => sum + (labels[i] === true ? p : 0), 0);
  return { ...score, mc2: onTrue / total };
}

export interface PerplexityScore {
  readonly word_perplexity: number;
  readonly byte_perplexity: number;
  readonly bits_per_byte: number;
  readonly bits_per_character: number;
  readonly token_perplexity: number;
  readonly words: number;
  readonly bytes: number;
  readonly characters: number;
  readonly tokens: number;
}

/** Perplexities from a total log-likelihood (nats). Words are counted as the harness counts them: cuts at white space. */
export function perplexityScore(logLikelihood: number, tokens: number, originals: readonly string[]): PerplexityScore {
  let words = 0;
  let bytes = 0;
  let characters = 0;
  for (const text of originals) {
    words += text.split(/\s+/).length;
    bytes += Buffer.byteLength(text, "utf8");
    for (const _ of text) characters++;
  }
  const nats = -logLikelihood;
  return {
    word_perplexity: Math.exp(nats / words),
    byte_perplexity: Math.exp(nats / bytes),
    bits_per_byte: nats / (Math.LN2 * bytes),
    bits_per_character: nats / (Math.LN2 * characters),
    token_perplexity: Math.exp(nats / tokens),
    words,
    bytes,
    characters,
    tokens,
  };
}
