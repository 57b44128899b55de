import { describe, expect, it } from "vitest";

import { checkGradients } from "./gradcheck.ts";
import { multiply, scale } from "./ops/elementwise.ts";
import type { Tape } from "./tape.ts";
import type { Tensor } from "./tensor.ts";

/** x² whose backward is wrong by a factor. */
function wrongSquare(tape: Tape, x: Tensor, factor: number): Tensor {
  const { device } = tape;
  const out = tape.output(x.shape, [x]);
  device.multiply(out.storage, x.storage, x.storage, false);
  tape.record(out, (dout) => {
    const { tensor, accumulate } = tape.gradient(x);
    device.multiply(tensor.storage, dout.storage, x.storage, accumulate);
    device.axpby(tensor.storage, tensor.storage, 2 * factor, tensor.storage, 0);
  });
  return out;
}

describe("checkGradients", () => {
  it("passes what is right, and says how far off it was", () => {
    expect(checkGradients((tape, [x]) => wrongSquare(tape, x, 1), [[3]])).toBeLessThan(1e-8);
  });

  it("finds a gradient that is off by a hundred-thousandth", () => {
    expect(() => checkGradients((tape, [x]) => wrongSquare(tape, x, 1.00001), [[3]])).toThrow(
      /^input 0, element \d: backward gives .*, finite differences /,
    );
  });

  it("finds an input that no gradient reaches", () => {
    expect(() => checkGradients((tape, [x]) => scale(tape, x, 2), [[3], [3]])).toThrow("no gradient reached input 1");
  });

  it("takes given values", () => {
    const values = { shape: [2], values: [3, 4] };
    const run = (tape: Tape, [x]: readonly [Tensor, ...Tensor[]]) => {
      if (x.toArray()[1] === 4) seen = true;
      return multiply(tape, x, x);
    };
    let seen = false;
    checkGradients(run, [values]);
    expect(seen).toBe(true);
  });
});
