import { describe, expect, it } from "vitest";

import { partOf, single } from "./collective.ts";
import { ReferenceDevice } from "./reference/device.ts";

describe("single", () => {
  it("is one rank, whose buffers stay as they are", async () => {
    const device = new ReferenceDevice();
    const x = device.allocate("float32", 3);
    device.write(x, [1, 2, 3]);
    await single.allReduce(x);
    await single.allReduce(x, "max");
    await single.reduceScatter(x);
    await single.allGather(x);
    await single.broadcast(x, 0);
    await single.barrier();
    expect([single.rank, single.size]).toEqual([0, 1]);
    expect(await device.read(x)).toEqual(Float64Array.of(1, 2, 3));
    expect(single.group([0])).toBe(single);
  });

  it("refuses ranks that are not there", async () => {
    const x = new ReferenceDevice().allocate("float32", 1);
    expect(() => single.group([0, 1])).toThrow("expected ranks of this world, which is 0 alone, got 0, 1");
    for (const exchange of [single.send(x, 1), single.receive(x, 1), single.broadcast(x, 2)]) {
      await expect(exchange).rejects.toMatchObject({ code: "VALUE" });
    }
  });
});

describe("partOf", () => {
  it.each([
    [64, 1],
    [64, 4],
    [100, 3],
    [7, 2],
    [0, 3],
    [1_000_003, 8],
  ])("cuts %d elements among %d ranks without gap or overlap, on cache lines", (length, size) => {
    let next = 0;
    for (let rank = 0; rank < size; rank++) {
      const part = partOf(length, rank, size);
      expect(part.start).toBe(next);
      if (part.length > 0) expect(part.start % 16).toBe(0);
      next += part.length;
    }
    expect(next).toBe(length);
  });
});
