/** A measured mean, with its standard error. */
export interface Score {
  readonly value: number;
  /** √(sample variance / n); 0 for fewer than two items. */
  readonly standardError: number;
  readonly n: number;
}

/** Whether a metric is a share of 1, shown in percent: all but perplexities and bits. */
export const isShare = (metric: string): boolean => !/perplexity|bits/.test(metric);

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

/** A question with its choices, of which one or more are right. */
export interface ChoiceItem {
  /** Their lengths in Unicode characters normalise `acc_norm`. */
  readonly choices: readonly string[];
  /** Positions of the right choices; usually one. */
  readonly gold: readonly number[];
}

/** One question's outcome by each way of choosing. */
export interface ItemScore {
  /** Chosen by plain log-likelihood. */
  readonly predicted: number;
  /** Chosen by log-likelihood per character of the choice. */
  readonly predictedNorm: number;
  readonly acc: 0 | 1;
  readonly acc_norm: 0 | 1;
  /** Share of probability on the right choices, without length normalisation. */
  readonly mc2: number;
}

/** Scores one item from the log-likelihoods (nats) of its choices. */
export function scoreItem({ choices, gold }: ChoiceItem, logLikelihoods: readonly number[]): ItemScore {
  const predicted = argmax(logLikelihoods);
  const predictedNorm = argmax(logLikelihoods.map((value, i) => value / Math.max(1, [...(choices[i] ?? "")].length)));
  const largest = Math.max(...logLikelihoods);
  const probabilities = logLikelihoods.map((value) => Math.exp(value - largest));
  const total = probabilities.reduce((sum, p) => sum + p, 0);
  const onTrue = probabilities.reduce((sum, p, i) => sum + (gold.includes(i) ? p : 0), 0);
  return {
    predicted,
    predictedNorm,
    acc: gold.includes(predicted) ? 1 : 0,
    acc_norm: gold.includes(predictedNorm) ? 1 : 0,
    mc2: onTrue / total,
  };
}

/** How well texts are predicted: by word, by byte, by character, by token. */
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
