import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { pieceVisitor, type CountPlan } from "./count-plan.ts";
import { PieceCounter, type CountedPieces } from "./piece-counter.ts";

export interface PieceCounts {
  readonly pieces: PieceCounter;
  /** UTF-16 units read. */
  readonly characters: number;
  readonly texts: number;
  /** Different pieces that were forgotten because there were too many, and how often they had occurred. */
  readonly forgotten: { readonly pieces: number; readonly occurrences: number };
}

export interface CountOptions {
  /** Different pieces that are kept. */
  readonly maxPieces: number;
  /** UTF-8 bytes of the different pieces that are kept. */
  readonly maxBytes: number;
  /** Worker threads; the result does not depend on it. Default: as many as there are cores. */
  readonly threads?: number | undefined;
  /** UTF-16 units of the part of the text that is counted as one. Default {@link PART}. */
  readonly partSize?: number;
  readonly onText?: (characters: number, texts: number) => void;
}

/** What is forgotten, and when, depends on this alone, and not on threads. */
const PART = 1 << 22;

/**
 * How often each piece occurs. The text is cut into parts of some four million characters, each counted by itself, and
 * the counts are added in the order of the text. When more than `maxPieces` or `maxBytes` are there, pieces seen once
 * (then twice, …) are forgotten until half remain, so memory has a bound whatever the corpus (lossy counting, after
 * Manku and Motwani 2002). The result is the same for any number of threads.
 */
export async function countPieces(
  texts: AsyncIterable<string> | Iterable<string>,
  plan: CountPlan,
  options: CountOptions,
): Promise<PieceCounts> {
  const total = new PieceCounter();
  const forgotten = { pieces: 0, occurrences: 0 };
  const add = (counted: CountedPieces): void => {
    total.merge(counted);
    if (total.size <= options.maxPieces && total.bytes <= options.maxBytes) return;
    const lost = total.forgetRarest(options.maxPieces / 2, options.maxBytes / 2);
    forgotten.pieces += lost.pieces;
    forgotten.occurrences += lost.occurrences;
  };
  const threads = Math.max(1, options.threads ?? availableParallelism());
  const pool = new CountingPool(plan, threads, add);
  const partSize = options.partSize ?? PART;
  let characters = 0;
  let documents = 0;
  let part: string[] = [];
  let size = 0;
  try {
    for await (const text of texts) {
      part.push(text);
      size += text.length;
      characters += text.length;
      documents++;
      options.onText?.(characters, documents);
      if (size < partSize) continue;
      await pool.give(part);
      part = [];
      size = 0;
    }
    await pool.finish(part);
  } finally {
    await pool.close();
  }
  return { pieces: total, characters, texts: documents, forgotten };
}

/** Worker threads that count parts; what they counted is taken in the order of the parts. */
class CountingPool {
  readonly #plan: CountPlan;
  readonly #take: (counted: CountedPieces) => void;
  readonly #threads: number;
  readonly #workers: Worker[] = [];
  readonly #idle: Worker[] = [];
  readonly #done = new Map<number, CountedPieces>();
  #sent = 0;
  #taken = 0;
  #failure: unknown;
  #wake: () => void = () => undefined;

  constructor(plan: CountPlan, threads: number, take: (counted: CountedPieces) => void) {
    this.#plan = plan;
    this.#take = take;
    // A worker thread can only load JavaScript: from uncompiled sources (in a unit test) this thread counts.
    this.#threads = existsSync(workerFile) ? threads : 1;
  }

  /** Hands a part to a worker; resolves when another may be handed over. */
  async give(part: readonly string[]): Promise<void> {
    if (this.#threads === 1) {
      this.#take(countHere(part, this.#plan));
      return;
    }
    const worker = this.#idle.pop() ?? this.#start();
    const number = this.#sent++;
    worker.once("message", (counted: CountedPieces) => {
      this.#done.set(number, counted);
      this.#idle.push(worker);
      this.#wake();
    });
    worker.postMessage(part);
    while (this.#idle.length === 0 && this.#workers.length === this.#threads) await this.#next();
  }

  #start(): Worker {
    const worker = new Worker(workerFile, { workerData: this.#plan });
    worker.on("error", (error) => {
      this.#failure ??= error;
      this.#wake();
    });
    this.#workers.push(worker);
    return worker;
  }

  /** Waits for a worker's answer, and takes every part whose turn it is. */
  async #next(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#done.has(this.#taken) || this.#failure !== undefined) resolve();
    });
    if (this.#failure !== undefined) throw this.#failure;
    for (let counted = this.#done.get(this.#taken); counted !== undefined; counted = this.#done.get(this.#taken)) {
      this.#done.delete(this.#taken++);
      this.#take(counted);
    }
  }

  /** Counts the last part, and takes what is still to come. A text of one part is counted here: no thread is started. */
  async finish(part: readonly string[]): Promise<void> {
    while (this.#taken < this.#sent) await this.#next();
    if (part.length > 0) this.#take(countHere(part, this.#plan));
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

const workerFile = fileURLToPath(new URL("count-worker.js", import.meta.url));

function countHere(part: readonly string[], plan: CountPlan): CountedPieces {
  const counter = new PieceCounter();
  const visit = pieceVisitor(plan);
  for (const text of part) visit(text, counter.add);
  return counter.snapshot();
}
