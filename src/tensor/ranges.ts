import type { Storage } from "./device.ts";
import type { Parameter } from "./tensor.ts";

/** Whether b follows a in the flat buffers of one model. */
export function areNeighbours({ range: a }: Parameter, { range: b }: Parameter): boolean {
  return a !== undefined && b !== undefined && a.buffers === b.buffers && a.start + a.length === b.start;
}

/** For sorting: those of one model in the order of its buffers, others as they are. */
export function byPlace({ range: a }: Parameter, { range: b }: Parameter): number {
  return a !== undefined && b !== undefined && a.buffers === b.buffers ? a.start - b.start : 0;
}

/** `length` elements of values and gradients from a parameter on, over its neighbours. */
export function memoryFrom(parameter: Parameter, length: number): { values: Storage; gradients: Storage } {
  const { range } = parameter;
  if (range === undefined || range.buffers.gradients === null) {
    return { values: parameter.storage, gradients: parameter.grad.storage };
  }
  const { buffers, start } = range;
  return { values: buffers.values.slice(start, length), gradients: range.buffers.gradients.slice(start, length) };
}

/**
 * The gradients of parameters in as few storages as their neighbourhood allows: what ranks reduce.
 *
 * @param parameters of one model or several, those of one together
 */
export function gradientRanges(parameters: Iterable<Parameter>): Storage[] {
  const runs: Parameter[][] = [];
  for (const parameter of [...parameters].toSorted(byPlace)) {
    const run = runs.at(-1);
    const before = run?.at(-1);
    if (run !== undefined && before !== undefined && areNeighbours(before, parameter)) run.push(parameter);
    else runs.push([parameter]);
  }
  return runs.flatMap((run) => {
    const [first] = run;
    const last = run.at(-1);
    if (first === undefined || last === undefined) return [];
    const length = (last.range?.start ?? 0) - (first.range?.start ?? 0) + last.length;
    return [memoryFrom(first, length).gradients];
  });
}
