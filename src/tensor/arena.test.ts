import { describe, expect, it } from "vitest";

import { OffsetAllocator, type Placement } from "./arena.ts";
import { PhiloxStream } from "./philox.ts";

describe("OffsetAllocator", () => {
  it("places on cache lines, first fit", () => {
    const allocator = new OffsetAllocator({ blockBytes: 1024 });
    const a = allocator.allocate(100);
    const b = allocator.allocate(1);
    const c = allocator.allocate(64);
    expect([a, b, c]).toEqual([
      { block: 0, offset: 0, bytes: 128 },
      { block: 0, offset: 128, bytes: 64 },
      { block: 0, offset: 192, bytes: 64 },
    ]);
    allocator.free(a);
    expect(allocator.allocate(64).offset).toBe(0); // the first hole, though the end of the block is free too
    expect(allocator.allocate(128).offset).toBe(256); // the rest of the hole is too small
    expect(allocator.usedBytes).toBe(64 + 64 + 64 + 128);
  });

  it("makes free neighbours one again, in any order of freeing", () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [0, 2, 1],
      [1, 0, 2],
    ]) {
      const allocator = new OffsetAllocator({ blockBytes: 192 });
      const all = [allocator.allocate(64), allocator.allocate(64), allocator.allocate(64)];
      for (const i of order) {
        const placement = all[i];
        if (placement !== undefined) allocator.free(placement);
      }
      expect(allocator.allocate(192)).toEqual({ block: 0, offset: 0, bytes: 192 });
    }
  });

  it("takes a block of its own for a large request, and says so before placing in it", () => {
    const grown: [number, number][] = [];
    const allocator = new OffsetAllocator({ blockBytes: 256, onGrow: (block, bytes) => grown.push([block, bytes]) });
    allocator.allocate(64);
    expect(allocator.allocate(1000)).toEqual({ block: 1, offset: 0, bytes: 1024 });
    expect(allocator.allocate(64)).toEqual({ block: 0, offset: 64, bytes: 64 });
    expect(grown).toEqual([
      [0, 256],
      [1, 1024],
    ]);
    expect(allocator.reservedBytes).toBe(1280);
  });

  it("gives an allocation of nothing a place of its own", () => {
    const allocator = new OffsetAllocator();
    expect(allocator.allocate(0)).not.toEqual(allocator.allocate(0));
  });

  it("keeps its blocks over a reset, and places the same again", () => {
    const allocator = new OffsetAllocator({ blockBytes: 256 });
    const run = () => [200, 100, 64, 900].map((bytes) => allocator.allocate(bytes));
    const first = run();
    allocator.reset();
    expect(allocator.usedBytes).toBe(0);
    const blocks = [...allocator.blocks];
    const { peakBytes } = allocator;
    // The blocks of the first round are there from the start now, so the small ones may lie elsewhere, but none is added.
    run();
    expect(allocator.blocks).toEqual(blocks);
    expect(allocator.peakBytes).toBe(peakBytes);
    expect(first).toHaveLength(4);
  });

  it("says when something is freed twice, or after a reset", () => {
    const allocator = new OffsetAllocator();
    const placement = allocator.allocate(1);
    allocator.free(placement);
    expect(() => allocator.free(placement)).toThrow("freed twice");
    const other = allocator.allocate(1);
    allocator.reset();
    expect(() => allocator.free(other)).toThrow("freed twice");
  });

  it("never lets two allocations overlap, whatever comes", () => {
    const random = new PhiloxStream(1);
    const allocator = new OffsetAllocator({ blockBytes: 4096 });
    const live: Placement[] = [];
    let used = 0;
    let peak = 0;
    for (let i = 0; i < 3000; i++) {
      const index = random.below(live.length);
      const old = live[index];
      if (old !== undefined && random.uniform() < 0.5) {
        live.splice(index, 1);
        allocator.free(old);
        used -= old.bytes;
        continue;
      }
      const placement = allocator.allocate(random.below(1500));
      const end = placement.offset + placement.bytes;
      for (const other of live) {
        const apart = other.block !== placement.block || other.offset >= end;
        expect(apart || other.offset + other.bytes <= placement.offset).toBe(true);
      }
      expect(end).toBeLessThanOrEqual(allocator.blocks[placement.block] ?? 0);
      live.push(placement);
      used += placement.bytes;
      peak = Math.max(peak, used);
      expect(allocator.usedBytes).toBe(used);
    }
    expect(allocator.peakBytes).toBe(peak);
    for (const placement of live) allocator.free(placement);
    const blocks = allocator.blocks.length;
    for (const bytes of allocator.blocks) allocator.allocate(bytes);
    expect(allocator.blocks).toHaveLength(blocks); // all of it is one piece a block again
  });
});
