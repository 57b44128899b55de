/**
 * Generation: tokens per second of a single text and of several at once, and of reading a prompt, with weights of each
 * precision. The share of bandwidth is bytes of weights and of cached keys and values that a token must read, over its
 * time, beside what the same threads read from a large buffer in the same round.
 *
 *     nuwa bench decode
 */
import { type CausalModel, createCausal, type GenerationCache, resolveArchitecture } from "../src/models/index.ts";
import { createCpuDevice, type CpuDevice } from "../src/tensor/cpu/device.ts";
import { Tape, Tensor, weightBytes, type WeightDType } from "../src/tensor/index.ts";

export interface DecodeBenchOptions {
  readonly layers: number;
  readonly width: number;
  readonly vocabulary: number;
  /** Tokens read before the first is written. */ readonly prompt: number;
  /** Tokens written. */ readonly tokens: number;
  /** Texts at once, in the batched part. */ readonly batch: number;
  readonly rounds: number;
  readonly threads?: number;
}

export interface DecodeResult {
  readonly precision: WeightDType;
  readonly parameters: number;
  /** Of one text, from the median time of a token; the same from the fastest round's. */
  readonly tokens_per_s: number;
  readonly best_tokens_per_s: number;
  /** Bytes of weights, keys and values that a token reads, on average. */
  readonly bytes_per_token: number;
  readonly gb_per_s: number;
  /** Read by all threads from a large buffer: the best of all rounds. */
  readonly bandwidth_gb_per_s: number;
  /** Best against best. */
  readonly bandwidth_share: number;
  readonly batch: number;
  readonly batch_tokens_per_s: number;
  readonly prefill_tokens_per_s: number;
}

const PRECISIONS = ["float32", "bfloat16", "int8"] as const;

/** Runs every precision in turn, `rounds` times. Synchronous: nothing else happens on this thread meanwhile. */
export function benchDecode(options: DecodeBenchOptions, log: (line: string) => void): DecodeResult[] {
  const { prompt, tokens, batch, rounds, threads } = options;
  const device = createCpuDevice(threads === undefined ? {} : { threads });
  const architecture = resolveArchitecture({
    family: "llama",
    vocab_size: options.vocabulary,
    num_hidden_layers: options.layers,
    hidden_size: options.width,
    num_attention_heads: Math.max(1, Math.floor(options.width / 64)),
    max_position_embeddings: prompt + tokens + 1,
  });
  const runs = PRECISIONS.map((precision) => {
    log(`weights in ${precision}`);
    return {
      precision,
      model: createCausal(architecture, device, { trainable: false, precision }),
      times: emptyTimes(),
    };
  });
  const bandwidths: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const { precision, model, times } of runs) {
      bandwidths.push(device.measureBandwidth({ passes: 3 }));
      const prefilled = runOnce(model, device, 1, options, times.single);
      times.prefill.push(prefilled);
      if (batch > 1) runOnce(model, device, batch, options, times.batched);
      const ms = median(times.single) * 1000;
      log(
        `round ${round + 1}, ${precision}: ${ms.toFixed(2)} ms a token, ${(prompt / prefilled).toFixed(0)} prompt tokens/s`,
      );
    }
  }
  const bandwidth = Math.max(...bandwidths);
  const results = runs.map(({ precision, model, times }): DecodeResult => {
    const bytes = bytesPerToken(model, precision, options);
    const best = Math.min(...times.single);
    return {
      precision,
      parameters: model.parameters.totalElements,
      tokens_per_s: 1 / median(times.single),
      best_tokens_per_s: 1 / best,
      bytes_per_token: bytes,
      gb_per_s: bytes / best / 1e9,
      bandwidth_gb_per_s: bandwidth / 1e9,
      bandwidth_share: bytes / best / bandwidth,
      batch,
      batch_tokens_per_s: batch > 1 ? batch / median(times.batched) : 1 / median(times.single),
      prefill_tokens_per_s: prompt / Math.min(...times.prefill),
    };
  });
  for (const { model } of runs) model.release();
  device.dispose();
  return results;
}

/** Seconds: of each token of one text, of each step of several, of reading the prompt. */
const emptyTimes = () => ({ single: [] as number[], batched: [] as number[], prefill: [] as number[] });

/** Reads the prompt into every row, then writes greedily; adds each step's seconds, gives those of one prompt. */
function runOnce(model: CausalModel, device: CpuDevice, B: number, sizes: DecodeBenchOptions, steps: number[]): number {
  const { prompt, tokens } = sizes;
  const V = model.config.vocab_size;
  const cache = model.createCache(B, prompt + tokens + 1);
  const arena = device.createArena();
  const chosen = device.allocate("int32", B);
  const forward = (ids: Int32Array, rows: number, into: GenerationCache): Int32Array => {
    const T = ids.length / rows;
    const tape = new Tape({ device, arena, recording: false, training: false });
    const hidden = model.hidden(tape, tape.constant(ids, [rows, T], "int32"), { cache: into }); // (rows, T, C)
    const C = hidden.length / ids.length;
    const last = new Tensor(device, hidden.storage.slice((T - 1) * C, rows * C), [rows, C]);
    device.argmax(chosen.slice(0, rows), model.logits(tape, last).storage, rows, V);
    const result = Int32Array.from(device.readNow(chosen.slice(0, rows)));
    arena.reset();
    return result;
  };
  let prefill = Number.POSITIVE_INFINITY;
  let next = new Int32Array(B);
  for (let b = 0; b < B; b++) {
    const ids = Int32Array.from({ length: prompt }, (_, t) => (t * 7919 + b * 104729 + 1) % V);
    const start = performance.now();
    next.set(forward(ids, 1, cache.row(b)), b);
    prefill = Math.min(prefill, (performance.now() - start) / 1000);
  }
  for (let t = 0; t < tokens; t++) {
    const start = performance.now();
    next = Int32Array.from(forward(next, B, cache));
    steps.push((performance.now() - start) / 1000);
  }
  device.release(chosen);
  cache.release();
  arena.dispose();
  return prefill;
}

/** Every weight once (of an untied embedding one row, of normalisations all), and the text's keys and values. */
function bytesPerToken(model: CausalModel, precision: WeightDType, sizes: DecodeBenchOptions): number {
  const { layers, width: C, prompt, tokens } = sizes;
  let bytes = 2 * layers * (prompt + tokens / 2) * C * 4; // as many key-value heads as query heads
  for (const { name, shape } of model.parameters) {
    const [rows = 0, width = 0] = shape;
    if (shape.length === 1) bytes += 4 * rows;
    else bytes += weightBytes(precision, name === "model.embed_tokens.weight" ? 1 : rows, width);
  }
  return bytes;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Rows of a table for people. */
export function decodeTable(results: readonly DecodeResult[]): string[][] {
  const [first] = results;
  return [
    [
      "precision",
      "tokens/s",
      "best",
      "GB/s",
      "of bandwidth",
      `batch of ${first?.batch ?? 0}, tokens/s`,
      "prefill tokens/s",
    ],
    ...results.map((r) => [
      r.precision,
      r.tokens_per_s.toFixed(1),
      r.best_tokens_per_s.toFixed(1),
      r.gb_per_s.toFixed(1),
      `${(100 * r.bandwidth_share).toFixed(0)} % of ${r.bandwidth_gb_per_s.toFixed(1)}`,
      r.batch_tokens_per_s.toFixed(1),
      r.prefill_tokens_per_s.toFixed(0),
    ]),
  ];
}
