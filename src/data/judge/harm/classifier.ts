import { NuwaError } from "../../../text/errors.ts";
import { featuresOf, type Features } from "./features.ts";

const MAGIC = "nuwa-linear-1\n";

/** A text and whether it is harmful. */
export interface Labelled {
  readonly text: string;
  readonly harmful: boolean;
}

/** Logistic regression over hashed n-grams. */
export class LinearClassifier {
  readonly weights: Float32Array;
  readonly bias: number;

  constructor(weights: Float32Array, bias: number) {
    this.weights = weights;
    this.bias = bias;
  }

  /** The probability that a text is harmful, 0 to 1. */
  probability(text: string): number {
    return sigmoid(this.logit(featuresOf(text, this.weights.length)));
  }

  logit({ indices, values }: Features): number {
    let sum = this.bias;
    for (let i = 0; i < indices.length; i++) sum += (this.weights[indices[i] ?? 0] ?? 0) * (values[i] ?? 0);
    return sum;
  }

  toBytes(): Uint8Array {
    const head = Buffer.from(`${MAGIC}${JSON.stringify({ size: this.weights.length, bias: this.bias })}\n`, "utf8");
    return Buffer.concat([head, Buffer.from(this.weights.buffer, this.weights.byteOffset, this.weights.byteLength)]);
  }

  /** @throws NuwaError DATA for bytes that are no such model */
  static fromBytes(bytes: Uint8Array, where: string): LinearClassifier {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const end = buffer.indexOf("\n", MAGIC.length);
    const bad = (cause?: unknown): NuwaError =>
      new NuwaError("DATA", "expected a classifier", { where, hint: "`nuwa data train-classifier` writes one", cause });
    if (buffer.subarray(0, MAGIC.length).toString("latin1") !== MAGIC || end < 0) throw bad();
    let header: { size: number; bias: number };
    try {
      header = JSON.parse(buffer.subarray(MAGIC.length, end).toString("utf8")) as typeof header;
    } catch (cause) {
      throw bad(cause);
    }
    const body = buffer.subarray(end + 1);
    if (!Number.isInteger(header.size) || body.length !== 4 * header.size || !Number.isFinite(header.bias)) throw bad();
    const copy = new ArrayBuffer(body.length);
    new Uint8Array(copy).set(body);
    return new LinearClassifier(new Float32Array(copy), header.bias);
  }
}

export interface TrainOptions {
  /** Number of weights, a power of two. */
  readonly size?: number;
  readonly epochs?: number;
  readonly rate?: number;
  /** Weight of the squared weights in the loss. */
  readonly decay?: number;
  readonly seed?: number;
}

/**
 * Trains by stochastic gradient descent with AdaGrad's step sizes (Duchi et al. 2011); both classes weigh the same, however many
 * examples they have. The same examples and options give the same bits.
 *
 * @throws NuwaError DATA when one of the classes has no example
 */
export function trainClassifier(examples: readonly Labelled[], options: TrainOptions = {}): LinearClassifier {
  const { size = 1 << 18, epochs = 8, rate = 0.5, decay = 1e-6, seed = 1 } = options;
  const positives = examples.filter(({ harmful }) => harmful).length;
  if (positives === 0 || positives === examples.length) {
    throw new NuwaError("DATA", `expected examples of both labels, got ${positives} harmful of ${examples.length}`, {
      hint: "labels: true or false, 1 or 0, harmful or harmless",
    });
  }
  const features = examples.map(({ text }) => featuresOf(text, size));
  const weights = new Float32Array(size);
  const squares = new Float32Array(size).fill(1e-6);
  const share = [examples.length / (2 * (examples.length - positives)), examples.length / (2 * positives)] as const;
  let bias = 0;
  let biasSquares = 1e-6;
  const order = examples.map((_, i) => i);
  const random = generator(seed);
  for (let epoch = 0; epoch < epochs; epoch++) {
    shuffle(order, random);
    for (const i of order) {
      const example = features[i];
      const harmful = examples[i]?.harmful === true;
      if (example === undefined) continue;
      const { indices, values } = example;
      let sum = bias;
      for (let k = 0; k < indices.length; k++) sum += (weights[indices[k] ?? 0] ?? 0) * (values[k] ?? 0);
      const error = (sigmoid(sum) - (harmful ? 1 : 0)) * share[harmful ? 1 : 0];
      for (let k = 0; k < indices.length; k++) {
        const at = indices[k] ?? 0;
        const gradient = error * (values[k] ?? 0) + decay * (weights[at] ?? 0);
        squares[at] = (squares[at] ?? 0) + gradient * gradient;
        weights[at] = (weights[at] ?? 0) - (rate * gradient) / Math.sqrt(squares[at] ?? 1) / 10;
      }
      biasSquares += error * error;
      bias -= (rate * error) / Math.sqrt(biasSquares) / 10;
    }
  }
  return new LinearClassifier(weights, bias);
}

/** What a classifier does on examples that it was not trained on. */
export interface ClassifierReport {
  readonly examples: number;
  readonly harmful: number;
  readonly precision: number;
  readonly recall: number;
  readonly accuracy: number;
}

export function evaluateClassifier(
  model: LinearClassifier,
  examples: readonly Labelled[],
  threshold: number,
): ClassifierReport {
  let [truePositive, falsePositive, falseNegative] = [0, 0, 0];
  for (const { text, harmful } of examples) {
    const said = model.probability(text) > threshold;
    if (said && harmful) truePositive++;
    else if (said) falsePositive++;
    else if (harmful) falseNegative++;
  }
  const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
  return {
    examples: examples.length,
    harmful: truePositive + falseNegative,
    precision: ratio(truePositive, truePositive + falsePositive),
    recall: ratio(truePositive, truePositive + falseNegative),
    accuracy: ratio(examples.length - falsePositive - falseNegative, examples.length),
  };
}

/** Splits examples into those to train on and a held-out share, the same for the same seed. */
export function splitExamples(
  examples: readonly Labelled[],
  share: number,
  seed: number,
): { train: Labelled[]; heldOut: Labelled[] } {
  const order = [...examples];
  shuffle(order, generator(seed));
  const held = Math.round(share * order.length);
  return { train: order.slice(held), heldOut: order.slice(0, held) };
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** splitmix32, as numbers in [0, 1). */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
}

function shuffle<T>(items: T[], random: () => number): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const [a, b] = [items[i], items[j]];
    items[i] = b as T;
    items[j] = a as T;
  }
}
