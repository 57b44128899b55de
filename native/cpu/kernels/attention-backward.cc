// Attention's backward in tiles: probabilities are made again from q, k and logSumExp (Dao et al. 2022, appendix B.2).
// A task owns a run of key tiles of one key-value head, so dk and dv have one writer. Where several tasks work on the
// same queries, each adds up a dq of its own; these are then added in the tasks' order.
#include "attention.h"

namespace nuwa {
namespace NUWA_ISA {

namespace {

// Tasks wanted: enough to keep many threads busy. Never more than kMostChunks copies of dq, so memory is linear in T.
constexpr int64_t kTasks = 32, kMostChunks = 8;

struct Gradients {
  float *dq, *dk, *dv;
  const float *dout, *logSumExp;
  const float* delta;  // (B, H, T): Σ dout · out over D
  float* drelative;    // (B, H, 2 · positions − 1), or null
};

// Where the queries' gradients of one task go: rows [rows.from, rows.to) of (B, rows, H, D).
struct Target {
  float* dq;
  Range rows;
  float* at(const Attention& a, int64_t b, int64_t t, int64_t h) const {
    return dq + ((b * (rows.to - rows.from) + t - rows.from) * a.H + h) * a.D;
  }
};

struct Scratch {
  float *keysT, *valuesT, *keys, *queries, *douts, *scores, *dscores, *dkeys, *dvalues;
  int64_t floats;
  Scratch(float* base, int64_t D) {
    Carver carver{base};
    const int64_t padded = roundUp(D, NR);
    keysT = carver.take(kKeys * D);
    valuesT = carver.take(kKeys * D);
    keys = carver.take(kKeys * padded);
    queries = carver.take(kQueries * padded);
    douts = carver.take(kQueries * padded);
    scores = carver.take(kQueries * kScoreStride);
    dscores = carver.take(kQueries * kScoreStride);
    dkeys = carver.take(kKeys * padded);
    dvalues = carver.take(kKeys * padded);
    floats = carver.used;
  }
};

NUWA_INLINE float dot(const float* x, const float* y, int64_t n) {
  vf sum = {};
  int64_t i = 0;
  for (; i + W <= n; i += W) sum += load(x + i) * load(y + i);
  float total = sumLanes(sum);
  for (; i < n; i++) total += x[i] * y[i];
  return total;
}

// Of row r: products q·k become probabilities P (after dropout), products dout·v become dS = P ⊙ (dP − delta).
NUWA_INLINE void gradientRow(const Tile& tile, const Dropout* drop, const Gradients& g, int64_t r, float* p, float* ds) {
  const Attention& a = tile.a;
  const Range seen = tile.columns(r, r + 1);
  const int64_t used = roundUp(tile.keys, W), t = tile.t0 + r, row = a.rowAt(tile.b, t, tile.h);
  const bool plain = a.plain();
  if (!plain) finishScores(tile, r, seen, p);
  const float factor = plain ? a.scale * kLog2E : kLog2E, top = g.logSumExp[row] * kLog2E, delta = g.delta[row];
  if (drop == nullptr) {
    for (int64_t c = seen.from; c < seen.to; c += W) {
      const vf e = exponential2(load(p + c) * factor - top);
      store(p + c, e);
      store(ds + c, e * (load(ds + c) - delta));
    }
  } else {
    for (int64_t c = seen.from; c < seen.to; c += W) store(p + c, exponential2(load(p + c) * factor - top));
    eachDropFactors(tile, *drop, r, seen, [&](int64_t from, int64_t to, const float* factors) {
      for (int64_t c = from; c < to; c++) {
        const float keep = factors[c - from], e = p[c];
        ds[c] = e * (ds[c] * keep - delta);
        p[c] = e * keep;
      }
    });
  }
  for (int64_t c = 0; c < seen.from; c++) p[c] = ds[c] = 0.0f;
  for (int64_t c = seen.to; c < used; c++) p[c] = ds[c] = 0.0f;
  // A softmax over one key is constant: no rounding error in place of its gradient 0.
  const Range all = a.keysOf(t, t + 1);
  if (all.to - all.from == 1 && !seen.empty()) ds[seen.from] = 0.0f;
  if (g.drelative == nullptr) return;
  float* sums = g.drelative + (tile.b * a.H + tile.h) * (2 * a.positions - 1) + a.positions - 1 + tile.s0 - a.position(t);
  for (int64_t c = seen.from; c < seen.to; c++) sums[c] += ds[c];
}

void tileGradients(const Tile& tile, const Dropout* drop, const Scratch& scratch, const Gradients& g, float* dq) {
  const Attention& a = tile.a;
  const int64_t D = a.D, padded = roundUp(D, NR), stride = a.queryStride(), at = a.queryAt(tile.b, tile.t0, tile.h);
  bandScores(tile, a.q + at, stride, scratch.keysT, scratch.scores);
  bandScores(tile, g.dout + at, stride, scratch.valuesT, scratch.dscores);
  for (int64_t r = 0; r < tile.rows; r++) {
    gradientRow(tile, drop, g, r, scratch.scores + r * kScoreStride, scratch.dscores + r * kScoreStride);
  }
  const auto rowsOf = [&](int64_t c, int64_t n) { return tile.rowsOf(c, c + n); };
  packPanels(scratch.douts, g.dout + at, stride, tile.rows, D, false);
  bandProduct<true>(tile.keys, padded, tile.rows, scratch.scores, scratch.douts, scratch.dvalues, padded, rowsOf);
  packPanels(scratch.queries, a.q + at, stride, tile.rows, D, false);
  bandProduct<true>(tile.keys, padded, tile.rows, scratch.dscores, scratch.queries, scratch.dkeys, padded, rowsOf);
  bandProduct<false>(tile.rows, D, tile.keys, scratch.dscores, scratch.keys, dq, stride,
                     [&](int64_t r, int64_t n) { return tile.columns(r, r + n); });
}

// All query heads of one key-value head, against keys [s0, s0 + keys).
void keyTile(const Attention& a, const Dropout* drop, const Scratch& scratch, const Gradients& g, const Target& target,
             int64_t b, int64_t kv, int64_t s0, int64_t keys) {
  const int64_t D = a.D, padded = roundUp(D, NR), at = a.keyAt(b, s0, kv);
  const size_t bytes = sizeof(float) * static_cast<size_t>(keys * padded);
  memset(scratch.dkeys, 0, bytes);
  memset(scratch.dvalues, 0, bytes);
  bool packed = false;
  const Range rows = a.queriesOf(s0, s0 + keys);
  for (int64_t h = kv * a.group(); h < (kv + 1) * a.group(); h++) {
    for (int64_t t0 = rows.from / kQueries * kQueries; t0 < rows.to; t0 += kQueries) {
      const int64_t first = maximum(t0, rows.from);
      const Tile tile{a, b, h, first, minimum(t0 + kQueries, rows.to) - first, s0, keys};
      if (hidden(tile)) continue;
      if (!packed) {
        packTransposed(scratch.keysT, a.k + at, a.keyStride(), D, keys);
        packTransposed(scratch.valuesT, a.v + at, a.keyStride(), D, keys);
        packPanels(scratch.keys, a.k + at, a.keyStride(), keys, D, false);
        // dQ = scale · dS · K: the scale goes in with the keys, once.
        for (int64_t i = 0; i < keys * padded; i += W) store(scratch.keys + i, load(scratch.keys + i) * a.scale);
        packed = true;
      }
      tileGradients(tile, drop, scratch, g, target.at(a, b, first, h));
    }
  }
  for (int64_t s = 0; s < keys; s++) {
    float *dk = g.dk + a.keyAt(b, s0 + s, kv), *dv = g.dv + a.keyAt(b, s0 + s, kv);
    for (int64_t d = 0; d < D; d++) dk[d] = scratch.dkeys[s * padded + d] * a.scale;
    memcpy(dv, scratch.dvalues + s * padded, sizeof(float) * static_cast<size_t>(D));
  }
}

// out (n) = Σ over the parts that reach each element, in their order.
void addParts(Context& context, const Attention& a, float* dq, const Target* targets, int64_t chunks) {
  const int64_t width = a.H * a.D;
  parallelRange(context, a.B * a.T, rowGrain(width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t b = row / a.T, t = row % a.T;
      float* to = dq + row * width;
      memset(to, 0, sizeof(float) * static_cast<size_t>(width));
      for (int64_t c = 0; c < chunks; c++) {
        if (t < targets[c].rows.from || t >= targets[c].rows.to) continue;
        const float* part = targets[c].at(a, b, t, 0);
        for (int64_t i = 0; i < width; i++) to[i] += part[i];
      }
    }
  });
}

}  // namespace

void attentionBackward(Context& context, float* dq, float* dk, float* dv, float* drelative, const float* dout,
                       const float* out, const float* logSumExp, NUWA_ATTENTION_PARAMETERS) {
  const Attention a{NUWA_ATTENTION_ARGUMENTS};
  const Dropout dropout(p, seed0, seed1, counter1, counter2, counter3);
  const Dropout* drop = p > 0.0 ? &dropout : nullptr;

  // Sums over a diagonal have one writer too: then a head's keys are one task's.
  const int64_t keyTiles = divideUp(S, kKeys);
  const int64_t wanted = drelative != nullptr ? 1 : minimum(kMostChunks, divideUp(kTasks, B * K));
  const int64_t perChunk = divideUp(keyTiles, minimum(wanted, keyTiles)), chunks = divideUp(keyTiles, perChunk);
  const int64_t distances = 2 * positions - 1;

  Target targets[kMostChunks];
  int64_t partRows = 0;
  for (int64_t c = 0; c < chunks && chunks > 1; c++) {
    targets[c].rows = a.queriesOf(c * perChunk * kKeys, minimum(S, (c + 1) * perChunk * kKeys));
    targets[c].rows.to = maximum(targets[c].rows.from, targets[c].rows.to);
    partRows += targets[c].rows.to - targets[c].rows.from;
  }
  const int64_t deltas = B * H * T, parts = partRows * B * H * D, sums = drelative == nullptr ? 0 : B * H * distances;
  float* delta = static_cast<float*>(context.partial.reserve(sizeof(float) * static_cast<size_t>(deltas + parts + sums)));
  float *part = delta + deltas, *sum = part + parts;
  if (chunks == 1) targets[0] = {dq, {0, T}};
  for (int64_t c = 0; c < chunks && chunks > 1; c++) {
    targets[c].dq = part;
    part += (targets[c].rows.to - targets[c].rows.from) * B * H * D;
  }
  if (chunks == 1) fill(context, dq, B * T * H * D, 0.0f);
  fill(context, delta + deltas, parts + sums, 0.0f);
  parallelRange(context, deltas, rowGrain(D), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {  // in the order of (B, T, H)
      const int64_t b = i / (T * H), t = i / H % T, h = i % H;
      delta[a.rowAt(b, t, h)] = dot(dout + i * D, out + i * D, D);
    }
  });

  const Gradients gradients{dq, dk, dv, dout, logSumExp, delta, drelative == nullptr ? nullptr : sum};
  float* base = context.perThread(Scratch(nullptr, D).floats);
  const int64_t stride = context.perThreadStride();
  parallelTiles(context, B * K * chunks, [&](int64_t task, int thread) {
    const Scratch scratch(base + thread * stride, D);
    const int64_t chunk = task / (B * K), head = task % (B * K);  // the first keys are seen by most: they start first
    for (int64_t i = chunk * perChunk; i < minimum(keyTiles, (chunk + 1) * perChunk); i++) {
      keyTile(a, drop, scratch, gradients, targets[chunk], head / K, head % K, i * kKeys, minimum(kKeys, S - i * kKeys));
    }
  });
  if (chunks > 1) addParts(context, a, dq, targets, chunks);
  if (drelative == nullptr) return;
  parallelRange(context, H * distances, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      float total = 0.0f;
      for (int64_t b = 0; b < B; b++) total += sum[b * H * distances + i];
      drelative[i] = total;
    }
  });
}

}  // namespace NUWA_ISA
}  // namespace nuwa
