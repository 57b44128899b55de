import { totalmem } from "node:os";
import { NuwaError } from "../text/errors.ts";

/** Bytes this process may use: the machine's memory, or the container's limit where that is lower. */
export function memoryLimit(): number {
  const constrained = process.constrainedMemory(); // 0, or more than there is, when nothing limits it
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/**
 * Refuses a batch that cannot fit before anything is allocated.
 *
 * @param predict bytes that training takes with so many sequences in a micro-batch
 * @throws NuwaError MEMORY with what is needed, what there is, and which batch would fit
 */
export function requireMemory(predict: (batch: number) => number, batch: number, available = memoryLimit()): void {
  const predicted = predict(batch);
  if (predicted <= available) return;
  let fits = 0;
  for (let low = 1, high = batch - 1; low <= high; ) {
    const middle = Math.floor((low + high) / 2);
    if (predict(middle) <= available) {
      fits = middle;
      low = middle + 1;
    } else high = middle - 1;
  }
  throw new NuwaError(
    "MEMORY",
    `a batch of ${batch} needs about ${gibibytes(predicted)} of memory, and ${gibibytes(available)} are available`,
    {
      where: "batch",
      hint:
        fits > 0
          ? `batch: ${fits} would fit; accumulate: ${Math.ceil(batch / fits)} then learns about the same`
          : `even batch: 1 does not fit (${gibibytes(predict(1))}); make the model or the context smaller`,
    },
  );
}

function gibibytes(bytes: number): string {
  const size = bytes / 2 ** 30;
  return `${size < 100 ? size.toPrecision(3) : Math.round(size).toLocaleString("en-US")} GiB`;
}
