// Attention in tiles (Dao 2023, "FlashAttention-2"): scores exist for one tile at a time, masked tiles are skipped.
#include "math.h"
#include "panels.h"

namespace nuwa {
namespace NUWA_ISA {

namespace {

constexpr int64_t kKeys = 128;     // keys of one tile
constexpr int64_t kQueries = 8 * MR;  // query rows of one tile
constexpr int64_t kScoreStride = kKeys + 16;  // not a power of two: columns are walked in the backward
constexpr int64_t kTaskQueries = 5 * kQueries;  // query rows of one forward task: they share each packed key tile

struct Shape {
  int64_t B, T, S, capacity, H, K, D;
  bool causal;
  float scale;
  int64_t group() const { return H / K; }
  int64_t queryStride() const { return H * D; }
  int64_t keyStride() const { return K * D; }
  int64_t queryAt(int64_t b, int64_t t, int64_t h) const { return ((b * T + t) * H + h) * D; }
  int64_t keyAt(int64_t b, int64_t s, int64_t kv) const { return ((b * capacity + s) * K + kv) * D; }
  // Keys [0, visible) are seen by query t.
  int64_t visible(int64_t t) const { return causal ? maximum(int64_t{0}, minimum(S, t + 1 + S - T)) : S; }
};

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

struct ForwardScratch {
  float *keys, *values, *scores, *sum, *top, *total;
  int64_t floats;
  ForwardScratch(float* base, int64_t D) {
    Carver carver{base};
    keys = carver.take(kKeys * D);
    values = carver.take(kKeys * roundUp(D, NR));
    scores = carver.take(kQueries * kScoreStride);
    sum = carver.take(kTaskQueries * D);
    top = carver.take(kTaskQueries);
    total = carver.take(kTaskQueries);
    floats = carver.used;
  }
};

// Turns a row of scaled scores into exp(score - top), keeps top and total, rescales what was summed before.
NUWA_INLINE void softmaxRow(float* scores, int64_t visible, int64_t columns, float scale, float& top, float& total,
                            float* sum, int64_t D) {
  const int64_t padded = roundUp(columns, W);
  if (visible <= 0) {  // the tile lies wholly above the diagonal for this row
    for (int64_t i = 0; i < padded; i++) scores[i] = 0.0f;
    return;
  }
  for (int64_t i = visible; i < padded; i++) scores[i] = -__builtin_inff();
  const int64_t used = roundUp(visible, W);
  vf largest = splat(-__builtin_inff());
  for (int64_t i = 0; i < visible / W * W; i += W) {
    const vf s = load(scores + i) * scale;
    store(scores + i, s);
    largest = maximum(s, largest);
  }
  float rowTop = maxLanes(largest);
  for (int64_t i = visible / W * W; i < visible; i++) {
    scores[i] *= scale;
    rowTop = scores[i] > rowTop ? scores[i] : rowTop;
  }
  if (rowTop > top) {
    const float shrink = exponential(splat(top - rowTop))[0];  // 0 for the first tile: top is -infinity
    total *= shrink;
    for (int64_t d = 0; d < D; d++) sum[d] *= shrink;
    top = rowTop;
  }
  vf rowTotal = {};
  for (int64_t i = 0; i < used; i += W) {
    const vf p = exponential(load(scores + i) - top);
    store(scores + i, p);
    rowTotal += p;
  }
  for (int64_t i = used; i < padded; i++) scores[i] = 0.0f;
  total += sumLanes(rowTotal);
}

void forwardTask(const Shape& shape, const ForwardScratch& scratch, float* out, float* logSumExp, const float* q,
                 const float* k, const float* v, int64_t b, int64_t h, int64_t t0, int64_t t1) {
  const int64_t D = shape.D, kv = h / shape.group();
  for (int64_t i = 0; i < t1 - t0; i++) {
    scratch.top[i] = -__builtin_inff();
    scratch.total[i] = 0.0f;
  }
  memset(scratch.sum, 0, sizeof(float) * static_cast<size_t>((t1 - t0) * D));
  const int64_t seen = shape.visible(t1 - 1);
  for (int64_t s0 = 0; s0 < seen; s0 += kKeys) {
    const int64_t keys = minimum(kKeys, seen - s0);
    packPanels(scratch.keys, k + shape.keyAt(b, s0, kv), shape.keyStride(), D, keys, true);
    packPanels(scratch.values, v + shape.keyAt(b, s0, kv), shape.keyStride(), keys, D, false);
    for (int64_t r0 = t0; r0 < t1; r0 += kQueries) {
      const int64_t rows = minimum(kQueries, t1 - r0);
      const int64_t columns = minimum(keys, shape.visible(r0 + rows - 1) - s0);
      if (columns <= 0) continue;
      blockProduct<false>(rows, columns, D, q + shape.queryAt(b, r0, h), shape.queryStride(), scratch.keys, NR * D,
                          scratch.scores, kScoreStride, false);
      for (int64_t r = 0; r < rows; r++) {
        const int64_t i = r0 - t0 + r;
        softmaxRow(scratch.scores + r * kScoreStride, minimum(columns, shape.visible(r0 + r) - s0), columns,
                   shape.scale, scratch.top[i], scratch.total[i], scratch.sum + i * D, D);
      }
      blockProduct<false>(rows, D, columns, scratch.scores, kScoreStride, scratch.values, NR * keys,
                          scratch.sum + (r0 - t0) * D, D, true);
    }
  }
  for (int64_t t = t0; t < t1; t++) {
    const int64_t i = t - t0;
    const float inverse = 1.0f / scratch.total[i];
    float* to = out + shape.queryAt(b, t, h);
    for (int64_t d = 0; d < D; d++) to[d] = scratch.sum[i * D + d] * inverse;
    logSumExp[(b * shape.H + h) * shape.T + t] = scratch.top[i] + __builtin_logf(scratch.total[i]);
  }
}

// One query row per head, as in decoding: no packing, each key and value is read once per head.
void forwardRow(const Shape& shape, float* scores, float* out, float* logSumExp, const float* q, const float* k,
                const float* v, int64_t b, int64_t h, int64_t t) {
  const int64_t D = shape.D, kv = h / shape.group(), seen = shape.visible(t), whole = D / W * W;
  const float* query = q + shape.queryAt(b, t, h);
  float* to = out + shape.queryAt(b, t, h);
  float top = -__builtin_inff();
  for (int64_t s = 0; s < seen; s++) {
    const float* key = k + shape.keyAt(b, s, kv);
    vf dot = {};
    for (int64_t d = 0; d < whole; d += W) dot += load(query + d) * load(key + d);
    float score = sumLanes(dot);
    for (int64_t d = whole; d < D; d++) score += query[d] * key[d];
    scores[s] = score * shape.scale;
    top = scores[s] > top ? scores[s] : top;
  }
  for (int64_t s = seen; s < roundUp(seen, W); s++) scores[s] = -__builtin_inff();
  vf total = {};
  for (int64_t s = 0; s < seen; s += W) {
    const vf p = exponential(load(scores + s) - top);
    store(scores + s, p);
    total += p;
  }
  const float sum = sumLanes(total), inverse = 1.0f / sum;
  for (int64_t d = 0; d < D; d++) to[d] = 0.0f;
  for (int64_t s = 0; s < seen; s++) {
    const float* value = v + shape.keyAt(b, s, kv);
    const float p = scores[s];
    for (int64_t d = 0; d < whole; d += W) store(to + d, load(to + d) + p * load(value + d));
    for (int64_t d = whole; d < D; d++) to[d] += p * value[d];
  }
  for (int64_t d = 0; d < D; d++) to[d] *= inverse;
  logSumExp[(b * shape.H + h) * shape.T + t] = top + __builtin_logf(sum);
}

struct BackwardScratch {
  float *keysT, *valuesT, *keys, *queries, *douts, *scores, *dscores, *dkeys, *dvalues, *delta;
  int64_t floats;
  BackwardScratch(float* base, const Shape& shape) {
    Carver carver{base};
    const int64_t D = shape.D, padded = roundUp(D, NR);
    keysT = carver.take(kKeys * D);
    valuesT = carver.take(kKeys * D);
    keys = carver.take(kKeys * padded);
    queries = carver.take(kQueries * padded);
    douts = carver.take(kQueries * padded);
    scores = carver.take(kQueries * kScoreStride);
    dscores = carver.take(kQueries * kScoreStride);
    dkeys = carver.take(kKeys * D);
    dvalues = carver.take(kKeys * D);
    delta = carver.take(shape.group() * shape.T);
    floats = carver.used;
  }
};

// All query heads of one key-value head: dk and dv have one writer, and one order.
void backwardTask(const Shape& shape, const BackwardScratch& scratch, float* dq, float* dk, float* dv,
                  const float* dout, const float* out, const float* logSumExp, const float* q, const float* k,
                  const float* v, int64_t b, int64_t kv) {
  const int64_t D = shape.D, T = shape.T, stride = shape.queryStride();
  const int64_t firstHead = kv * shape.group(), lastHead = firstHead + shape.group();
  for (int64_t h = firstHead; h < lastHead; h++) {
    for (int64_t t = 0; t < T; t++) {
      const float *d = dout + shape.queryAt(b, t, h), *o = out + shape.queryAt(b, t, h);
      vf sum = {};
      int64_t i = 0;
      for (; i + W <= D; i += W) sum += load(d + i) * load(o + i);
      float total = sumLanes(sum);
      for (; i < D; i++) total += d[i] * o[i];
      scratch.delta[(h - firstHead) * T + t] = total;
    }
  }
  for (int64_t s0 = 0; s0 < T; s0 += kKeys) {
    const int64_t keys = minimum(kKeys, T - s0);
    const float* keyTile = k + shape.keyAt(b, s0, kv);
    packPanels(scratch.keysT, keyTile, shape.keyStride(), D, keys, true);
    packPanels(scratch.valuesT, v + shape.keyAt(b, s0, kv), shape.keyStride(), D, keys, true);
    packPanels(scratch.keys, keyTile, shape.keyStride(), keys, D, false);
    memset(scratch.dkeys, 0, sizeof(float) * static_cast<size_t>(keys * D));
    memset(scratch.dvalues, 0, sizeof(float) * static_cast<size_t>(keys * D));
    for (int64_t h = firstHead; h < lastHead; h++) {
      // Query tiles above the diagonal see none of these keys.
      const int64_t firstRow = shape.causal ? s0 / kQueries * kQueries : 0;
      for (int64_t t0 = firstRow; t0 < T; t0 += kQueries) {
        const int64_t rows = minimum(kQueries, T - t0);
        const int64_t columns = minimum(keys, shape.visible(t0 + rows - 1) - s0);
        if (columns <= 0) continue;
        const int64_t at = shape.queryAt(b, t0, h);
        blockProduct<false>(rows, columns, D, q + at, stride, scratch.keysT, NR * D, scratch.scores, kScoreStride,
                            false);
        blockProduct<false>(rows, columns, D, dout + at, stride, scratch.valuesT, NR * D, scratch.dscores,
                            kScoreStride, false);
        for (int64_t r = 0; r < rows; r++) {
          float* p = scratch.scores + r * kScoreStride;
          float* ds = scratch.dscores + r * kScoreStride;
          const int64_t visible = maximum(int64_t{0}, minimum(columns, shape.visible(t0 + r) - s0));
          const float lse = logSumExp[(b * shape.H + h) * T + t0 + r];
          const float delta = scratch.delta[(h - firstHead) * T + t0 + r];
          for (int64_t i = 0; i < visible; i += W) {
            const vf e = exponential(load(p + i) * shape.scale - lse);
            store(p + i, e);
            store(ds + i, e * (load(ds + i) - delta) * shape.scale);
          }
          for (int64_t i = visible; i < columns; i++) p[i] = ds[i] = 0.0f;
          // A softmax over one key is constant: no rounding error in place of its gradient 0.
          if (shape.visible(t0 + r) == 1) ds[0] = 0.0f;
        }
        packPanels(scratch.douts, dout + at, stride, rows, D, false);
        blockProduct<true>(columns, D, rows, scratch.scores, kScoreStride, scratch.douts, NR * rows, scratch.dvalues,
                           D, true);
        packPanels(scratch.queries, q + at, stride, rows, D, false);
        blockProduct<true>(columns, D, rows, scratch.dscores, kScoreStride, scratch.queries, NR * rows, scratch.dkeys,
                           D, true);
        // Every query sees the first key tile, so that tile writes and the later ones add.
        blockProduct<false>(rows, D, columns, scratch.dscores, kScoreStride, scratch.keys, NR * keys, dq + at, stride,
                            s0 > 0);
      }
    }
    for (int64_t s = 0; s < keys; s++) {
      const size_t bytes = sizeof(float) * static_cast<size_t>(D);
      memcpy(dk + shape.keyAt(b, s0 + s, kv), scratch.dkeys + s * D, bytes);
      memcpy(dv + shape.keyAt(b, s0 + s, kv), scratch.dvalues + s * D, bytes);
    }
  }
}

}  // namespace

void attention(Context& context, float* out, float* logSumExp, const float* q, const float* k, const float* v,
               int64_t B, int64_t T, int64_t S, int64_t capacity, int64_t H, int64_t K, int64_t D, bool causal,
               float scale) {
  const Shape shape{B, T, S, capacity, H, K, D, causal, scale};
  if (T <= 2) {
    float* base = context.perThread(roundUp(S, W));
    const int64_t stride = context.perThreadStride();
    parallelTiles(context, B * H * T, [&](int64_t tile, int thread) {
      forwardRow(shape, base + thread * stride, out, logSumExp, q, k, v, tile / (H * T), tile / T % H, tile % T);
    });
    return;
  }
  float* base = context.perThread(ForwardScratch(nullptr, D).floats);
  const int64_t stride = context.perThreadStride();
  const int64_t blocks = divideUp(T, kTaskQueries);
  parallelTiles(context, B * H * blocks, [&](int64_t tile, int thread) {
    const ForwardScratch scratch(base + thread * stride, D);
    // The last rows see the most keys: they start first.
    const int64_t block = blocks - 1 - tile / (B * H), head = tile % (B * H);
    forwardTask(shape, scratch, out, logSumExp, q, k, v, head / H, head % H, block * kTaskQueries,
                minimum(T, (block + 1) * kTaskQueries));
  });
}

void attentionBackward(Context& context, float* dq, float* dk, float* dv, const float* dout, const float* out,
                       const float* logSumExp, const float* q, const float* k, const float* v, int64_t B, int64_t T,
                       int64_t H, int64_t K, int64_t D, bool causal, float scale) {
  const Shape shape{B, T, T, T, H, K, D, causal, scale};
  float* base = context.perThread(BackwardScratch(nullptr, shape).floats);
  const int64_t stride = context.perThreadStride();
  parallelTiles(context, B * K, [&](int64_t tile, int thread) {
    const BackwardScratch scratch(base + thread * stride, shape);
    backwardTask(shape, scratch, dq, dk, dv, dout, out, logSumExp, q, k, v, tile / K, tile % K);
  });
}

}  // namespace NUWA_ISA
}  // namespace nuwa
