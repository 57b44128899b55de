// Attention in tiles (Dao 2023, "FlashAttention-2"): scores exist for one tile at a time, masked tiles are skipped.
#include "attention.h"

namespace nuwa {
namespace NUWA_ISA {

namespace {

constexpr int64_t kTaskQueries = 6 * kQueries;  // most query rows of one task: they share each packed key tile

struct Scratch {
  float *keys, *values, *scores, *sum, *top, *total;
  int64_t floats;
  Scratch(float* base, int64_t D) {
    Carver carver{base};
    const int64_t padded = roundUp(D, NR);
    keys = carver.take(kKeys * D);
    values = carver.take(kKeys * padded);
    scores = carver.take(kQueries * kScoreStride);
    sum = carver.take(kTaskQueries * padded);
    top = carver.take(kTaskQueries);
    total = carver.take(kTaskQueries);
    floats = carver.used;
  }
};

// The largest of n scores times `factor`, at least `top`. NaN is passed over: it shows in the exponentials.
NUWA_INLINE float rowTop(const float* scores, int64_t n, float factor, float top) {
  const int64_t whole = n / W * W;
  vf largest = splat(top);
  for (int64_t i = 0; i < whole; i += W) largest = maximum(load(scores + i) * factor, largest);
  if (whole < n) largest = maximum(loadPart(scores + whole, n - whole, scores[whole]) * factor, largest);
  return maxLanes(largest);
}

// scores = 2^(scores · factor − top); returns their sum. Lanes past n become 0.
NUWA_INLINE float exponentials(float* scores, int64_t n, float factor, float top) {
  vf total = {};
  const int64_t whole = n / W * W;
  for (int64_t i = 0; i < whole; i += W) {
    const vf p = exponential2(load(scores + i) * factor - top);
    store(scores + i, p);
    total += p;
  }
  if (whole < n) {
    float lanes[W];
    store(lanes, exponential2(load(scores + whole) * factor - top));
    for (int64_t i = 0; i < W; i++) scores[whole + i] = lanes[i] = i < n - whole ? lanes[i] : 0.0f;
    total += load(lanes);
  }
  return sumLanes(total);
}

// Turns row r of the tile's products into exp(score - top); keeps top (in base 2) and total; rescales the sum so far.
NUWA_INLINE void softmaxRow(const Tile& tile, const Dropout* drop, int64_t r, float* scores, float& top, float& total,
                            float* sum, int64_t padded) {
  const Range seen = tile.columns(r, r + 1);
  const int64_t used = roundUp(tile.keys, W);
  if (seen.empty()) {
    memset(scores, 0, sizeof(float) * static_cast<size_t>(used));
    return;
  }
  const bool plain = tile.a.plain();
  if (!plain) finishScores(tile, r, seen, scores);
  const float factor = plain ? tile.a.scale * kLog2E : kLog2E;
  const int64_t n = seen.to - seen.from;
  const float newTop = rowTop(scores + seen.from, n, factor, top);
  if (newTop > top) {
    const float shrink = exponential2(splat(top - newTop))[0];  // 0 for the first tile: top is -infinity
    total *= shrink;
    for (int64_t d = 0; d < padded; d += W) store(sum + d, load(sum + d) * shrink);
    top = newTop;
  }
  // Where all so far are hidden, 0 in place of -infinity leaves their exponentials 0.
  total += exponentials(scores + seen.from, n, factor, top == -kInfinity ? 0.0f : top);
  if (drop != nullptr) {
    eachDropFactors(tile, *drop, r, seen, [&](int64_t from, int64_t to, const float* factors) {
      for (int64_t c = from; c < to; c++) scores[c] *= factors[c - from];
    });
  }
  for (int64_t i = 0; i < seen.from; i++) scores[i] = 0.0f;
  for (int64_t i = seen.to; i < used; i++) scores[i] = 0.0f;
}

// out = sum / total, and log Σ exp(score); +infinity for a row that sees nothing, so that its probabilities are 0 again.
NUWA_INLINE void finishRow(const Attention& a, float* out, float* logSumExp, const float* sum, float top, float total,
                           int64_t b, int64_t t, int64_t h) {
  const float inverse = total == 0.0f ? 0.0f : 1.0f / total;
  float* to = out + a.queryAt(b, t, h);
  for (int64_t d = 0; d < a.D; d++) to[d] = sum[d] * inverse;
  logSumExp[a.rowAt(b, t, h)] = total == 0.0f ? kInfinity : top * kLn2 + __builtin_logf(total);
}

void forwardTask(const Attention& a, const Dropout* drop, const Scratch& scratch, float* out, float* logSumExp,
                 int64_t b, int64_t h, int64_t t0, int64_t t1) {
  const int64_t D = a.D, kv = h / a.group(), padded = roundUp(D, NR);
  for (int64_t i = 0; i < t1 - t0; i++) {
    scratch.top[i] = -kInfinity;
    scratch.total[i] = 0.0f;
  }
  memset(scratch.sum, 0, sizeof(float) * static_cast<size_t>((t1 - t0) * padded));
  const Range seen = a.keysOf(t0, t1);
  for (int64_t s0 = seen.from / kKeys * kKeys; s0 < seen.to; s0 += kKeys) {
    bool packed = false;
    for (int64_t r0 = t0; r0 < t1; r0 += kQueries) {
      const Tile tile{a, b, h, r0, minimum(kQueries, t1 - r0), s0, minimum(kKeys, seen.to - s0)};
      if (hidden(tile)) continue;
      if (!packed) {
        packTransposed(scratch.keys, a.k + a.keyAt(b, s0, kv), a.keyStride(), D, tile.keys);
        packPanels(scratch.values, a.v + a.keyAt(b, s0, kv), a.keyStride(), tile.keys, D, false);
        packed = true;
      }
      bandScores(tile, a.q + a.queryAt(b, r0, h), a.queryStride(), scratch.keys, scratch.scores);
      for (int64_t r = 0; r < tile.rows; r++) {
        const int64_t i = r0 - t0 + r;
        softmaxRow(tile, drop, r, scratch.scores + r * kScoreStride, scratch.top[i], scratch.total[i],
                   scratch.sum + i * padded, padded);
      }
      bandProduct<false>(tile.rows, padded, tile.keys, scratch.scores, scratch.values,
                         scratch.sum + (r0 - t0) * padded, padded,
                         [&](int64_t r, int64_t n) { return tile.columns(r, r + n); });
    }
  }
  for (int64_t t = t0; t < t1; t++) {
    const int64_t i = t - t0;
    finishRow(a, out, logSumExp, scratch.sum + i * padded, scratch.top[i], scratch.total[i], b, t, h);
  }
}

// One query row per head, as in decoding: no packing, each key and value is read once per head.
void forwardRow(const Attention& a, const Dropout* drop, float* scratch, float* out, float* logSumExp, int64_t b,
                int64_t h, int64_t t) {
  const int64_t D = a.D, kv = h / a.group(), whole = D / W * W;
  const Range seen = a.keysOf(t, t + 1);
  float *sum = scratch, *scores = scratch + roundUp(D, W);
  memset(sum, 0, sizeof(float) * static_cast<size_t>(D));
  const float* query = a.q + a.queryAt(b, t, h);
  for (int64_t s = seen.from; s < seen.to; s++) {
    const float* key = a.k + a.keyAt(b, s, kv);
    vf dot = {};
    for (int64_t d = 0; d < whole; d += W) dot += load(query + d) * load(key + d);
    float score = sumLanes(dot);
    for (int64_t d = whole; d < D; d++) score += query[d] * key[d];
    scores[s] = score;
  }
  float top = -kInfinity, total = 0.0f;
  const Tile tile{a, b, h, t, 1, 0, a.S};
  softmaxRow(tile, drop, 0, scores, top, total, sum, 0);
  if (total != 0.0f) {
    for (int64_t s = seen.from; s < seen.to; s++) {
      const float* value = a.v + a.keyAt(b, s, kv);
      const float p = scores[s];
      for (int64_t d = 0; d < whole; d += W) store(sum + d, load(sum + d) + p * load(value + d));
      for (int64_t d = whole; d < D; d++) sum[d] += p * value[d];
    }
  }
  finishRow(a, out, logSumExp, sum, top, total, b, t, h);
}

}  // namespace

void attention(Context& context, float* out, float* logSumExp, NUWA_ATTENTION_PARAMETERS) {
  const Attention a{NUWA_ATTENTION_ARGUMENTS};
  const Dropout dropout(p, seed0, seed1, counter1, counter2, counter3);
  const Dropout* drop = p > 0.0 ? &dropout : nullptr;
  if (T <= 2) {
    float* base = context.perThread(roundUp(D, W) + roundUp(S, W) + W);
    const int64_t stride = context.perThreadStride();
    parallelTiles(context, B * H * T, [&](int64_t tile, int thread) {
      forwardRow(a, drop, base + thread * stride, out, logSumExp, tile / (H * T), tile / T % H, tile % T);
    });
    return;
  }
  float* base = context.perThread(Scratch(nullptr, D).floats);
  const int64_t stride = context.perThreadStride();
  // Blocks of about the same size: a short last one would pack all keys for a few rows.
  const int64_t rows = roundUp(divideUp(T, divideUp(T, kTaskQueries)), MR), blocks = divideUp(T, rows);
  parallelTiles(context, B * H * blocks, [&](int64_t tile, int thread) {
    const Scratch scratch(base + thread * stride, D);
    // The last rows see the most keys: they start first.
    const int64_t block = blocks - 1 - tile / (B * H), head = tile % (B * H);
    forwardTask(a, drop, scratch, out, logSumExp, head / H, head % H, block * rows, minimum(T, (block + 1) * rows));
  });
}

}  // namespace NUWA_ISA
}  // namespace nuwa
