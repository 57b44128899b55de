/** Damage for tests: what disks, networks and people who mean ill do to files. */

/** Numbers in [0, 1) from a seed (mulberry32). Only for making test files. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Numbers that lengths, counts and offsets go wrong at. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/**
 * A damaged copy of a file: one to four of flipped bits, set bytes, edge values, cuts, repeats, swaps, and pieces of
 * another file. The same `random` gives the same bytes; at most 16 times as long as the file.
 */
export function mutate(file: Buffer, other: Buffer, random: () => number): Buffer {
  let bytes: Buffer = Buffer.from(file);
  const position = (length = bytes.length): number => Math.floor(random() * Math.max(1, length));
  const times = 1 + Math.floor(random() * 4);
  for (let k = 0; k < times; k++) {
    const [a, b] = [position(), position()].sort((x, y) => x - y) as [number, number];
    switch (Math.floor(random() * 8)) {
      case 0:
        for (let flips = 1 + position(8); flips > 0 && bytes.length > 0; flips--) {
          const at = position();
          bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
        }
        break;
      case 1:
        bytes = bytes.subarray(0, a);
        break;
      case 2:
        bytes = bytes.subarray(b);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, a), bytes.subarray(b)]);
        break;
      case 4: {
        const piece = bytes.subarray(a, Math.min(b, a + 4096));
        const repeats = Math.min(200, Math.floor((8 * file.length) / Math.max(1, piece.length)));
        const copies = Array.from({ length: 1 + position(repeats) }, () => piece);
        bytes = Buffer.concat([bytes.subarray(0, a), ...copies, bytes.subarray(a)]).subarray(0, 16 * file.length + 64);
        break;
      }
      case 5: {
        const [from, to] = [position(other.length), position(other.length)].sort((x, y) => x - y) as [number, number];
        bytes = Buffer.concat([
          bytes.subarray(0, a),
          other.subarray(from, Math.min(to, from + 65_536)),
          bytes.subarray(b),
        ]);
        break;
      }
      case 6:
        if (bytes.length >= 4) bytes.writeUInt32LE(EDGES[position(EDGES.length)] ?? 0, position(bytes.length - 3));
        break;
      default:
        bytes.fill(position(256), a, Math.min(b, a + 64));
    }
  }
  return bytes;
}
