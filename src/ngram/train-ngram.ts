import { HashIds } from "./hash-ids.ts";
import { BEGIN, END, NgramModel, UNKNOWN, type Level } from "./ngram-model.ts";
import { lineUnits, type NgramUnit } from "./units.ts";

/** A growing list of 32-bit integers. */
class Integers {
  data = new Int32Array(1024);
  push(index: number, value: number): void {
    if (index >= this.data.length) {
      const grown = new Int32Array(2 * index);
      grown.set(this.data);
      this.data = grown;
    }
    this.data[index] = value;
  }
}

interface Counted {
  readonly ids: HashIds;
  readonly prefixes: Integers;
  readonly units: Integers;
  /** Number of the n-gram without its first unit, one order below; -1 where it begins with the line's begin. */
  readonly suffixes: Integers;
  /** How often it occurs; below the highest order, how many different units stand before it. */
  readonly counts: Integers;
}

/**
 * An interpolated modified Kneser-Ney model (Chen and Goodman 1999, equations 25 to 27): three discounts an order, from
 * its counts of counts; below the highest order an n-gram counts the different units before it; the shortest context is
 * interpolated with the uniform distribution over the vocabulary, the unknown unit and the end of line.
 *
 * A line is a sequence of its own. Units that occur once are unknown, so that the model knows how rare those are.
 *
 * @param texts read twice: the units first, then the n-grams
 */
export function trainNgram(texts: Iterable<string>, options: { order: number; unit: NgramUnit }): NgramModel {
  const { order, unit } = options;
  const frequency = new Map<string, number>();
  for (const text of texts) {
    for (const line of lineUnits(text, unit)) {
      for (const one of line) frequency.set(one, (frequency.get(one) ?? 0) + 1);
    }
  }
  const vocabulary = [...frequency].filter(([, count]) => count > 1).map(([one]) => one);
  vocabulary.sort();
  const numbers = new Map(vocabulary.map((one, i) => [one, i + 3]));
  frequency.clear();

  const levels: Counted[] = Array.from({ length: order }, () => {
    const ids = new HashIds();
    ids.reset(0);
    return { ids, prefixes: new Integers(), units: new Integers(), suffixes: new Integers(), counts: new Integers() };
  });
  for (const text of texts) {
    for (const line of lineUnits(text, unit))
      countLine([...line.map((one) => numbers.get(one) ?? UNKNOWN), END], levels);
  }
  // A model of nothing, or of texts without a rare unit, still needs the unknown unit.
  const first = levels[0];
  if (first !== undefined) {
    for (const special of [UNKNOWN, END]) add(first, 0, special, -1);
  }
  return new NgramModel(unit, vocabulary, estimate(levels, vocabulary.length + 2));
}

function add(level: Counted, prefix: number, unit: number, suffix: number): { id: number; isNew: boolean } {
  const before = level.ids.distinct;
  const id = level.ids.idOf(prefix, unit);
  if (id < before) return { id, isNew: false };
  level.prefixes.push(id, prefix);
  level.units.push(id, unit);
  level.suffixes.push(id, suffix);
  level.counts.push(id, 0);
  return { id, isNew: true };
}

function countLine(line: readonly number[], levels: readonly Counted[]): void {
  const order = levels.length;
  const first = levels[0];
  if (first === undefined) return;
  // last[k]: the n-gram of order k + 1 that ends at the unit before, or -1 where the line is not that long.
  let last = new Int32Array(order).fill(-1);
  last[0] = add(first, 0, BEGIN, -1).id;
  let next = new Int32Array(order);
  for (const [i, unit] of line.entries()) {
    for (let k = 0; k < order; k++) {
      const level = levels[k];
      const prefix = k === 0 ? 0 : (last[k - 1] ?? -1);
      if (level === undefined || prefix < 0) {
        next[k] = -1;
        continue;
      }
      // An n-gram of i + 2 units begins with the line's begin.
      const fromBegin = k === i + 1;
      const suffix = k === 0 ? -1 : (next[k - 1] ?? -1);
      const { id, isNew } = add(level, prefix, unit, suffix);
      next[k] = id;
      if (k === order - 1 || fromBegin) level.counts.data[id] = (level.counts.data[id] ?? 0) + 1;
      const below = levels[k - 1];
      if (isNew && below !== undefined && suffix >= 0) below.counts.data[suffix] = (below.counts.data[suffix] ?? 0) + 1;
    }
    [last, next] = [next, last];
  }
}

function estimate(counted: readonly Counted[], outcomes: number): Level[] {
  const levels: Level[] = [];
  for (const [k, { ids, prefixes, units, suffixes, counts }] of counted.entries()) {
    const size = ids.distinct;
    const discounts = discountsOf(counts.data.subarray(0, size), size);
    const contexts = k === 0 ? 1 : (counted[k - 1]?.ids.distinct ?? 0);
    const totals = new Float64Array(contexts);
    const left = new Float64Array(contexts);
    for (let i = 0; i < size; i++) {
      const count = counts.data[i] ?? 0;
      const context = k === 0 ? 0 : (prefixes.data[i] ?? 0);
      totals[context] = (totals[context] ?? 0) + count;
      left[context] = (left[context] ?? 0) + (discounts[Math.min(count, 3)] ?? 0);
    }
    const below = levels[k - 1];
    const logProbabilities = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      const count = counts.data[i] ?? 0;
      const context = k === 0 ? 0 : (prefixes.data[i] ?? 0);
      const total = totals[context] ?? 0;
      const weight = total === 0 ? 1 : (left[context] ?? 0) / total;
      const shorter =
        below === undefined ? 1 / outcomes : Math.exp(below.logProbabilities[suffixes.data[i] ?? 0] ?? -Infinity);
      const own = total === 0 ? 0 : (count - (discounts[Math.min(count, 3)] ?? 0)) / total;
      // The line's begin is only a context and is never predicted.
      logProbabilities[i] = k === 0 && units.data[i] === BEGIN ? -99 : Math.log(own + weight * shorter);
    }
    if (below !== undefined) {
      for (let context = 0; context < contexts; context++) {
        const total = totals[context] ?? 0;
        below.logBackoffs[context] = total === 0 ? 0 : Math.log((left[context] ?? 0) / total);
      }
    }
    levels.push({
      size,
      prefixes: prefixes.data.slice(0, size),
      units: units.data.slice(0, size),
      logProbabilities,
      logBackoffs: new Float32Array(size),
    });
  }
  return levels;
}

/** Discounts for counts 0, 1, 2, and 3 or more; 0.5, 1, 1.5 where counts of counts do not tell (tiny texts). */
export function discountsOf(counts: Int32Array, size: number): [number, number, number, number] {
  const n = [0, 0, 0, 0, 0];
  for (let i = 0; i < size; i++) {
    const count = counts[i] ?? 0;
    if (count >= 1 && count <= 4) n[count] = (n[count] ?? 0) + 1;
  }
  const [, n1 = 0, n2 = 0, n3 = 0, n4 = 0] = n;
  const y = n1 / (n1 + 2 * n2);
  const found = [1 - (2 * y * n2) / n1, 2 - (3 * y * n3) / n2, 3 - (4 * y * n4) / n3] as const;
  if (found.every((d, i) => Number.isFinite(d) && d > 0 && d <= i + 1)) return [0, ...found];
  return [0, 0.5, 1, 1.5];
}
