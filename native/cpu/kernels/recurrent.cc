// LSTM (Hochreiter & Schmidhuber 1997, with forget gates), GRU (Cho et al. 2014) and plain RNN over whole sequences.
// A tile is some rows of the batch, and goes through all time steps by itself: no thread waits for another, and each
// element is summed over k in one order. The weight is packed once; a tile's state stays in its thread's cache.
#include <type_traits>

#include "columns.h"
#include "panels.h"

namespace nuwa {
namespace NUWA_ISA {

namespace {

// A panel of kDepth x NR floats leaves room in the first-level cache for the rows that it meets.
constexpr int64_t kDepth = 256;
// The weight is read once for each tile and time step: more rows amortise it, fewer give more tiles.
constexpr int64_t kRowsMost = 16;

constexpr int64_t gatesOf(int kind) { return kind == kLstm ? 4 : kind == kGru ? 3 : 1; }

struct Tiling {
  int64_t count, rows;
};

NUWA_INLINE Tiling tilingOf(int64_t B) {
  const int64_t rows = minimum(kRowsMost, maximum(int64_t{4}, divideUp(B, 2)));
  return {divideUp(B, rows), rows};
}

// Packs B (K, N), element (k, n) at w[k * N + n] or, transposed, at w[n * K + k]: blocks of kDepth, panels of NR.
const float* packWeight(Context& context, const float* w, int64_t K, int64_t N, bool transposed) {
  const int64_t padded = roundUp(N, NR), blocks = divideUp(K, kDepth), panels = padded / NR;
  float* packed = static_cast<float*>(context.packedB.reserve(sizeof(float) * static_cast<size_t>(padded * K)));
  parallelTiles(context, blocks * panels, [&](int64_t task, int) {
    const int64_t k0 = task / panels * kDepth, j = task % panels * NR, n = minimum(kDepth, K - k0);
    float* to = packed + k0 * padded + j * n;
    const int64_t columns = minimum(int64_t{NR}, N - j);
    if (transposed) packPanelTransposed(to, w + j * K + k0, K, n, columns);
    else packPanel(to, w + k0 * N + j, N, n, columns);
  });
  return packed;
}

// c (rows, N) = a (rows, K) · packed (+ bias), all rows contiguous.
NUWA_INLINE void tileProduct(int64_t rows, const float* a, const float* packed, int64_t K, int64_t N, float* c,
                             const float* bias) {
  const int64_t padded = roundUp(N, NR), step = divideUp(rows, divideUp(rows, MR));
  for (int64_t j = 0; j < N; j += NR) {
    const int64_t columns = minimum(int64_t{NR}, N - j);
    for (int64_t k0 = 0; k0 < K; k0 += kDepth) {
      const int64_t n = minimum(kDepth, K - k0);
      const float* panel = packed + k0 * padded + j * n;
      for (int64_t i = 0; i < rows; i += step) {
        microBlock<false>(minimum(step, rows - i), columns, n, a + i * K + k0, K, panel, c + i * N + j, N, k0 > 0,
                          bias != nullptr && k0 == 0 ? bias + j : nullptr);
      }
    }
  }
}

// One row and time step. x: projected inputs in, gates out; p: the state's product; m: cell (LSTM), W_hn h + b (GRU).
template <int Kind>
NUWA_INLINE void stepForward(int64_t H, float* x, const float* p, float* h, float* c, float* m, float* out) {
  eachColumn(0, H, [&](auto v) {
    if constexpr (Kind == kLstm) {
      const vf i = sigmoid(v.get(x) + v.get(p)), f = sigmoid(v.get(x + H) + v.get(p + H));
      const vf g = hyperbolicTangent(v.get(x + 2 * H) + v.get(p + 2 * H));
      const vf o = sigmoid(v.get(x + 3 * H) + v.get(p + 3 * H));
      const vf cell = f * v.get(c) + i * g;
      const vf hidden = o * hyperbolicTangent(cell);
      v.put(x, i);
      v.put(x + H, f);
      v.put(x + 2 * H, g);
      v.put(x + 3 * H, o);
      v.put(c, cell);
      v.put(m, cell);
      v.put(h, hidden);
      v.put(out, hidden);
    } else if constexpr (Kind == kGru) {
      const vf r = sigmoid(v.get(x) + v.get(p)), z = sigmoid(v.get(x + H) + v.get(p + H));
      const vf hn = v.get(p + 2 * H);
      const vf n = hyperbolicTangent(v.get(x + 2 * H) + r * hn);
      const vf hidden = n + z * (v.get(h) - n);
      v.put(x, r);
      v.put(x + H, z);
      v.put(x + 2 * H, n);
      v.put(m, hn);
      v.put(h, hidden);
      v.put(out, hidden);
    } else {
      const vf sum = v.get(x) + v.get(p);
      const vf hidden = Kind == kRnnTanh ? hyperbolicTangent(sum) : (sum <= 0.0f ? vf{} : sum);
      v.put(x, hidden);
      v.put(h, hidden);
      v.put(out, hidden);
    }
  });
}

// One row and time step backward. x: gates in, their gradients out; g: gradients on the state's side, as the product
// takes them; dh: gradient from the next step in, what reaches the previous state directly out; dc likewise.
template <int Kind>
NUWA_INLINE void stepBackward(int64_t H, float* x, float* g, float* dh, float* dc, const float* dout, const float* m,
                              const float* before, float* hiddenGates) {
  eachColumn(0, H, [&](auto v) {
    const vf d = v.get(dout) + v.get(dh);
    if constexpr (Kind == kLstm) {
      const vf i = v.get(x), f = v.get(x + H), n = v.get(x + 2 * H), o = v.get(x + 3 * H);
      const vf squashed = hyperbolicTangent(v.get(m));
      const vf cell = v.get(dc) + d * o * (1.0f - squashed * squashed);
      const vf previous = before == nullptr ? vf{} : v.get(before);
      const vf di = cell * n * i * (1.0f - i), df = cell * previous * f * (1.0f - f);
      const vf dn = cell * i * (1.0f - n * n), dO = d * squashed * o * (1.0f - o);
      v.put(dc, cell * f);
      v.put(x, di);
      v.put(x + H, df);
      v.put(x + 2 * H, dn);
      v.put(x + 3 * H, dO);
      v.put(g, di);
      v.put(g + H, df);
      v.put(g + 2 * H, dn);
      v.put(g + 3 * H, dO);
    } else if constexpr (Kind == kGru) {
      const vf r = v.get(x), z = v.get(x + H), n = v.get(x + 2 * H), hn = v.get(m);
      const vf previous = before == nullptr ? vf{} : v.get(before);
      const vf dn = d * (1.0f - z) * (1.0f - n * n), dz = d * (previous - n) * z * (1.0f - z);
      const vf dr = dn * hn * r * (1.0f - r);
      v.put(x, dr);
      v.put(x + H, dz);
      v.put(x + 2 * H, dn);
      v.put(g, dr);
      v.put(g + H, dz);
      v.put(g + 2 * H, dn * r);
      v.put(hiddenGates, dr);
      v.put(hiddenGates + H, dz);
      v.put(hiddenGates + 2 * H, dn * r);
      v.put(dh, d * z);
    } else {
      const vf y = v.get(x);
      const vf own = Kind == kRnnTanh ? d * (1.0f - y * y) : (y <= 0.0f ? vf{} : d);
      v.put(x, own);
      v.put(g, own);
    }
  });
}

template <typename F>
void withKind(int kind, const F& f) {
  switch (kind) {
    case kLstm: return f(std::integral_constant<int, kLstm>{});
    case kGru: return f(std::integral_constant<int, kGru>{});
    case kRnnTanh: return f(std::integral_constant<int, kRnnTanh>{});
    case kRnnRelu: return f(std::integral_constant<int, kRnnRelu>{});
    default: fail("VALUE", "unknown recurrence %d", kind);
  }
}

// The rows of a state, or zeros.
NUWA_INLINE void start(float* to, const float* from, int64_t floats) {
  if (from == nullptr) memset(to, 0, sizeof(float) * static_cast<size_t>(floats));
  else memcpy(to, from, sizeof(float) * static_cast<size_t>(floats));
}

}  // namespace

void recurrent(Context& context, float* out, float* gates, float* memory, const float* hidden, const float* cell,
               const float* weight, const float* bias, int64_t B, int64_t T, int64_t H, int kind) {
  const int64_t N = gatesOf(kind) * H;
  const Tiling tiling = tilingOf(B);
  const float* packed = packWeight(context, weight, H, N, true);
  float* scratch = context.perThread(tiling.rows * (2 * H + N));
  const int64_t stride = context.perThreadStride();
  withKind(kind, [&](auto k) {
    constexpr int Kind = decltype(k)::value;
    parallelTiles(context, tiling.count, [&](int64_t tile, int thread) {
      const int64_t first = tile * tiling.rows, rows = minimum(tiling.rows, B - first);
      float* h = scratch + thread * stride;
      float *c = h + rows * H, *p = c + rows * H;
      start(h, hidden == nullptr ? nullptr : hidden + first * H, rows * H);
      if (Kind == kLstm) start(c, cell == nullptr ? nullptr : cell + first * H, rows * H);
      for (int64_t t = 0; t < T; t++) {
        tileProduct(rows, h, packed, H, N, p, bias);
        for (int64_t r = 0; r < rows; r++) {
          const int64_t at = (first + r) * T + t;
          float* m = Kind == kLstm || Kind == kGru ? memory + at * H : nullptr;
          stepForward<Kind>(H, gates + at * N, p + r * N, h + r * H, c + r * H, m, out + at * H);
        }
      }
    });
  });
}

void recurrentBackward(Context& context, float* gates, float* hiddenGates, float* dhidden, float* dcell,
                       const float* dout, const float* dlastCell, const float* memory, const float* out,
                       const float* hidden, const float* cell, const float* weight, int64_t B, int64_t T, int64_t H,
                       int kind) {
  const int64_t N = gatesOf(kind) * H;
  const Tiling tiling = tilingOf(B);
  const float* packed = packWeight(context, weight, N, H, false);
  float* scratch = context.perThread(tiling.rows * (3 * H + N));
  const int64_t stride = context.perThreadStride();
  withKind(kind, [&](auto k) {
    constexpr int Kind = decltype(k)::value;
    parallelTiles(context, tiling.count, [&](int64_t tile, int thread) {
      const int64_t first = tile * tiling.rows, rows = minimum(tiling.rows, B - first);
      float* dh = scratch + thread * stride;
      float *dc = dh + rows * H, *product = dc + rows * H, *g = product + rows * H;
      start(dh, nullptr, rows * H);
      if (Kind == kLstm) start(dc, dlastCell == nullptr ? nullptr : dlastCell + first * H, rows * H);
      for (int64_t t = T - 1; t >= 0; t--) {
        for (int64_t r = 0; r < rows; r++) {
          const int64_t at = (first + r) * T + t;
          const float* m = Kind == kLstm || Kind == kGru ? memory + at * H : nullptr;
          const float* initial = Kind == kLstm ? cell : hidden;
          const float* earlier = Kind == kLstm ? memory : out;
          const float* before =
              t > 0 ? earlier + (at - 1) * H : (initial == nullptr ? nullptr : initial + (first + r) * H);
          stepBackward<Kind>(H, gates + at * N, g + r * N, dh + r * H, dc + r * H, dout + at * H, m, before,
                             Kind == kGru ? hiddenGates + at * N : nullptr);
        }
        if (t == 0 && dhidden == nullptr) break;
        tileProduct(rows, g, packed, N, H, Kind == kGru ? product : dh, nullptr);
        if (Kind == kGru) eachColumn(0, rows * H, [&](auto v) { v.put(dh, v.get(dh) + v.get(product)); });
      }
      const size_t bytes = sizeof(float) * static_cast<size_t>(rows * H);
      if (dhidden != nullptr) memcpy(dhidden + first * H, dh, bytes);
      if (dcell != nullptr) memcpy(dcell + first * H, dc, bytes);
    });
  });
}

}  // namespace NUWA_ISA
}  // namespace nuwa
