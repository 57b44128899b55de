// What attention's forward and backward share: who sees whom, tiles, and the work on one row of scores.
#pragma once
#include "panels.h"
#include "philox.h"

namespace nuwa {
namespace NUWA_ISA {

constexpr int64_t leastCommonMultiple(int64_t a, int64_t b) {
  int64_t m = a;
  while (m % b != 0) m += a;
  return m;
}
constexpr int64_t kTileStep = leastCommonMultiple(MR, NR);
// Keys of one tile: whole panels, and whole register tiles where keys are the rows of a product.
constexpr int64_t kKeys = (128 + kTileStep - 1) / kTileStep * kTileStep;
constexpr int64_t kQueries = 8 * MR;          // query rows of one tile
constexpr int64_t kScoreStride = kKeys + 16;  // not a power of two: columns are walked in the backward
static_assert(kKeys % 4 == 0, "tiles start at whole groups of random numbers");

constexpr float kInfinity = __builtin_inff();
constexpr float kLog2E = 1.44269504088896341f, kLn2 = 0.693147180559945309f;

// 2^x for x up to about 0; 0 below the smallest normal float. NaN stays NaN. Relative error below 3e-7.
NUWA_INLINE vf exponential2(vf x) {
  constexpr float kRound = 12582912.0f;  // adding and taking away 1.5 * 2^23 rounds to the nearest integer
  const vf low = splat(-126.0f);
  const vf clamped = x < low ? low : x;
  const vf shifted = clamped + kRound;
  const vf f = clamped - (shifted - kRound);
  vf p = splat(0.0013276461f);  // minimax on [-1/2, 1/2] (Lawson's iteration on the relative error)
  p = p * f + 0.0096755419f;
  p = p * f + 0.0555071346f;
  p = p * f + 0.2402212024f;
  p = p * f + 0.6931469440f;
  p = p * f + 1.0f;
  // The low bits of `shifted` are the whole number: moved into the exponent, they multiply by its power of two.
  const vu scaled = reinterpret_cast<vu>(p) + (reinterpret_cast<vu>(shifted) << 23);
  return x < low ? vf{} : reinterpret_cast<vf>(scaled);
}

NUWA_INLINE vi loadInt(const int32_t* p) {
  typedef int32_t viMemory __attribute__((vector_size(NUWA_WIDTH * 4), aligned(4), may_alias));
  return *reinterpret_cast<const viMemory*>(p);
}

NUWA_INLINE int64_t clampTo(int64_t x, int64_t low, int64_t high) { return x < low ? low : (x > high ? high : x); }

struct Range {
  int64_t from, to;
  bool empty() const { return from >= to; }
};

// Arguments of the kernels; see AttentionDims and AttentionInputs in src/tensor/device.ts.
struct Attention {
  const float *q, *k, *v, *relative, *bias;
  const int32_t *mask, *segments;
  int64_t B, T, S, capacity, H, K, D, left, right, positions, maskBatch, maskHead, maskQuery;
  float scale;
  double p;
  uint32_t seed0, seed1, counter1, counter2, counter3;

  int64_t group() const { return H / K; }
  int64_t queryStride() const { return H * D; }
  int64_t keyStride() const { return K * D; }
  int64_t queryAt(int64_t b, int64_t t, int64_t h) const { return ((b * T + t) * H + h) * D; }
  int64_t keyAt(int64_t b, int64_t s, int64_t kv) const { return ((b * capacity + s) * K + kv) * D; }
  int64_t rowAt(int64_t b, int64_t t, int64_t h) const { return (b * H + h) * T + t; }
  int64_t maskAt(int64_t b, int64_t t, int64_t h) const { return b * maskBatch + h * maskHead + t * maskQuery; }
  // Where the query stands among the keys.
  int64_t position(int64_t t) const { return t + S - T; }
  // Keys near enough to queries t0 to t1 - 1 for one of them to see.
  Range keysOf(int64_t t0, int64_t t1) const {
    return {clampTo(position(t0) - left, 0, S), clampTo(position(t1 - 1) + right + 1, 0, S)};
  }
  // Queries near enough to keys s0 to s1 - 1.
  Range queriesOf(int64_t s0, int64_t s1) const {
    return {clampTo(s0 - right - (S - T), 0, T), clampTo(s1 + left - (S - T), 0, T)};
  }
  bool plain() const { return relative == nullptr && bias == nullptr && mask == nullptr && segments == nullptr; }
};

// Query rows t0 to t0 + rows - 1 of one head, against keys s0 to s0 + keys - 1.
struct Tile {
  const Attention& a;
  int64_t b, h, t0, rows, s0, keys;

  // Columns that rows r0 to r1 - 1 see by distance.
  Range columns(int64_t r0, int64_t r1) const {
    const Range seen = a.keysOf(t0 + r0, t0 + r1);
    return {clampTo(seen.from - s0, 0, keys), clampTo(seen.to - s0, 0, keys)};
  }
  // Rows that see one of columns c0 to c1 - 1 by distance.
  Range rowsOf(int64_t c0, int64_t c1) const {
    const Range seen = a.queriesOf(s0 + c0, s0 + c1);
    return {clampTo(seen.from - t0, 0, rows), clampTo(seen.to - t0, 0, rows)};
  }
};

// Whether no row of the tile sees any of its keys: then it is skipped.
bool hidden(const Tile& tile);

// Turns products q·k of row r, columns [seen.from, seen.to), into scores: scaled, biases added, −infinity where hidden.
void finishScores(const Tile& tile, int64_t r, Range seen, float* scores);

// f(from, to, factors) over runs of columns of row r: factors[c - from] is 0 or 1/(1 - p). Key s's probability is
// element ((b·H + h)·T + t)·⌈S/4⌉·4 + s of the stream.
template <typename F>
NUWA_INLINE void eachDropFactors(const Tile& tile, const Dropout& drop, int64_t r, Range seen, const F& f) {
  const Attention& a = tile.a;
  const int64_t row = a.rowAt(tile.b, tile.t0 + r, tile.h) * divideUp(a.S, 4) + tile.s0 / 4;
  for (int64_t c = seen.from / 4 * 4; c < seen.to; c += 4 * kLanes) {
    float factors[4 * kLanes];
    drop.factors(factors, row + c / 4);
    const int64_t from = maximum(c, seen.from);
    f(from, minimum(c + 4 * kLanes, seen.to), factors + from - c);
  }
}

// panel[k * NR + j] = rows[j * stride + k], zeros past `columns`: packPanels with transposition, in register blocks.
void packTransposed(float* panels, const float* rows, int64_t stride, int64_t K, int64_t columns);

// Scores of a tile's rows and keys, or the like: out (rows, columns) = x · panelsᵀ, where rows and columns meet.
NUWA_INLINE void bandScores(const Tile& tile, const float* x, int64_t stride, const float* panels, float* out) {
  const int64_t D = tile.a.D;
  for (int64_t c = 0; c < tile.keys; c += NR) {
    const Range rows = tile.rowsOf(c, minimum(c + NR, tile.keys));
    if (rows.empty()) continue;
    const int64_t first = rows.from / MR * MR;
    blockProduct<false>(rows.to - first, NR, D, x + first * stride, stride, panels + c * D, NR * D,
                        out + first * kScoreStride + c, kScoreStride, false);
  }
}

// out (rows, columns) += A · panels, where only range(i, n) of the depth is not zero in rows i to i + n - 1.
template <bool ColumnMajorA, typename F>
NUWA_INLINE void bandProduct(int64_t rows, int64_t columns, int64_t depth, const float* a, const float* panels,
                             float* out, int64_t stride, const F& range) {
  for (int64_t j = 0; j < columns; j += NR) {
    for (int64_t i = 0; i < rows; i += MR) {
      const int64_t n = minimum(int64_t{MR}, rows - i);
      const Range k = range(i, n);
      if (k.empty()) continue;
      microBlock<ColumnMajorA>(n, minimum(int64_t{NR}, columns - j), k.to - k.from,
                               ColumnMajorA ? a + k.from * kScoreStride + i : a + i * kScoreStride + k.from,
                               kScoreStride, panels + j * depth + k.from * NR, out + i * stride + j, stride, true,
                               nullptr);
    }
  }
}

// Hands out pieces of one thread's scratch; with a null base it only counts.
struct Carver {
  float* base;
  int64_t used = 0;
  float* take(int64_t floats) {
    float* at = base == nullptr ? nullptr : base + used;
    used += roundUp(floats, 16);
    return at;
  }
};

}  // namespace NUWA_ISA
}  // namespace nuwa
