import { expect } from "vitest";

/** Sizes are compared with one this many times smaller. */
const FACTOR = 16;
/** Measured at most so often: what disturbs a process only ever makes it look dearer, so the least counts. */
const ROUNDS = 5;

/** Processor time of this process, in microseconds: what others do on the machine is not in it. */
async function cost(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/**
 * Expects that work grows with a power of its size: that `run` on 16 times as much costs less than 16^(degree + 1/2)
 * times as much. No absolute time is in it, so a slow or busy machine changes nothing, while one degree more (quadratic
 * where linear is expected: 256 times, not 16) fails. `size` must be large enough for the dearest degree to be seen;
 * for texts, some 100,000.
 */
export async function expectGrowth<Input>(
  make: (size: number) => Input,
  size: number,
  run: (input: Input) => unknown,
  { degree = 1, label = "" }: { readonly degree?: number; readonly label?: string } = {},
): Promise<void> {
  const [small, large] = [make(Math.ceil(size / FACTOR)), make(size)];
  const bound = FACTOR ** (degree + 0.5);
  await run(small); // compiled by now, so that the first round is no dearer than the next
  let [least, most] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let round = 0; round < ROUNDS && !(most / least < bound); round++) {
    least = Math.min(least, await cost(() => run(small)));
    most = Math.min(most, await cost(() => run(large)));
  }
  expect(most / least, `${label} growth of work from ${Math.ceil(size / FACTOR)} to ${size}`).toBeLessThan(bound);
}
