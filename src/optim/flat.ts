import {
  areNeighbours,
  byPlace,
  type Device,
  FlatState,
  memoryFrom,
  paddedLength,
  type Parameter,
  type Storage,
  Tensor,
} from "../tensor/index.ts";
import { NuwaError } from "../text/index.ts";
import { type NamedTensors, type Optimizer, type ParameterGroup, type StepOptions, writeState } from "./optimizer.ts";

/** Parameters that lie one after another, all of one group: what one kernel call updates. */
export interface Run<Part extends string> {
  readonly device: Device;
  readonly values: Storage;
  readonly gradients: Storage;
  /** The state values of a part. */
  readonly state: (part: Part) => Storage;
  readonly learningRate: number;
  readonly weightDecay: number;
}

interface Slot {
  readonly parameter: Parameter;
  /** In the state: parameters that are neighbours in the model's buffers are neighbours in it. */
  readonly start: number;
}

interface Group {
  readonly learningRate: number;
  readonly weightDecay: number;
  /** In the order of the model's buffers. */
  readonly slots: readonly Slot[];
}

/**
 * What optimizers have in common that treat every weight alone: state of the weights' own size in one flat buffer for
 * each part, named `<optimizer>.<part>.<parameter>`, saved, loaded and released; one kernel call for each run of
 * neighbours of a group that have gradients. The padding between parameters is 0 in all buffers, and stays so.
 */
export abstract class FlatOptimizer<Part extends string> implements Optimizer {
  readonly #name: string;
  readonly #groups: readonly Group[];
  readonly #parts: ReadonlyMap<Part, FlatState>;
  /** In the order of the groups as they were given, which is that of saved files. */
  readonly #named: NamedTensors;
  #steps = 0;

  /** @param parts names of the state values of each weight */
  constructor(name: string, groups: readonly ParameterGroup[], parts: readonly Part[]) {
    this.#name = name;
    let next = 0;
    const ordered: Slot[] = [];
    this.#groups = groups.map(({ parameters, learningRate, weightDecay }) => {
      const slots = [...parameters].toSorted(byPlace).map((parameter) => {
        const slot = { parameter, start: next };
        next += paddedLength(parameter.length);
        ordered.push(slot);
        return slot;
      });
      return { learningRate, weightDecay, slots };
    });
    const [first] = ordered;
    const lengths = ordered.map(({ parameter }) => parameter.length);
    this.#parts = new Map(
      first === undefined ? [] : parts.map((part) => [part, new FlatState(first.parameter.device, lengths)]),
    );
    const slices = new Map(ordered.map(({ parameter }, i) => [parameter, i]));
    const named = new Map<string, Tensor>();
    for (const parameter of groups.flatMap(({ parameters }) => parameters)) {
      for (const [part, { slices: storages }] of this.#parts) {
        const storage = storages[slices.get(parameter) ?? -1];
        if (storage === undefined) continue;
        named.set(`${name}.${part}.${parameter.name}`, new Tensor(parameter.device, storage, parameter.shape));
      }
    }
    this.#named = named;
  }

  /** One update of one run; `steps` counts this one. */
  protected abstract update(run: Run<Part>, options: StepOptions): void;

  get steps(): number {
    return this.#steps;
  }

  step(options: StepOptions): void {
    this.#steps++;
    for (const { slots, learningRate, weightDecay } of this.#groups) {
      for (const run of runsOf(slots)) {
        const [first] = run;
        const last = run.at(-1);
        if (first === undefined || last === undefined) continue;
        const length = last.start - first.start + last.parameter.length;
        const { device } = first.parameter;
        const state = (part: Part): Storage => this.#part(part).whole.slice(first.start, length);
        this.update({ device, ...memoryFrom(first.parameter, length), state, learningRate, weightDecay }, options);
        for (const { parameter } of run) parameter.gradReady = false;
      }
    }
  }

  #part(part: Part): FlatState {
    const state = this.#parts.get(part);
    if (state === undefined) throw new NuwaError("SHAPE", `the ${this.#name} optimizer keeps no "${part}"`);
    return state;
  }

  state(): NamedTensors {
    return this.#named;
  }

  loadState(saved: ReadonlyMap<string, ArrayLike<number>>, steps: number): void {
    writeState(this.#named, saved);
    this.#steps = steps;
  }

  release(): void {
    for (const state of this.#parts.values()) state.release();
  }
}

/** Cuts slots into runs of neighbours that have gradients. */
function runsOf(slots: readonly Slot[]): Slot[][] {
  const runs: Slot[][] = [];
  let before: Slot | undefined;
  for (const slot of slots) {
    if (!slot.parameter.gradReady) {
      before = undefined;
      continue;
    }
    if (before !== undefined && areNeighbours(before.parameter, slot.parameter)) runs.at(-1)?.push(slot);
    else runs.push([slot]);
    before = slot;
  }
  return runs;
}
