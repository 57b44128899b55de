// bfloat16: the upper half of a float, rounded to nearest, ties to even. With the instruction set's dot product of
// pairs, a product packs two values of k in one 32-bit element and sums in float32.
#pragma once
#include "panels.h"

#if defined(NUWA_BF16)
#include <immintrin.h>
#endif

namespace nuwa {
namespace NUWA_ISA {

// Floats whose lower half is zero. NaN stays NaN: its rounding could carry into the exponent.
NUWA_INLINE vi bfloat16Bits(vf x) {
  const vi bits = (vi)x;
  const vi rounded = (bits + 0x7fff + ((bits >> 16) & 1)) & -0x10000;
  return x == x ? rounded : (bits | 0x400000) & -0x10000;
}

NUWA_INLINE void roundToBfloat16(float* x, int64_t n) {
  int64_t i = 0;
  for (; i + W <= n; i += W) store(x + i, (vf)bfloat16Bits(load(x + i)));
  if (i < n) storePart(x + i, (vf)bfloat16Bits(loadPart(x + i, n - i)), n - i);
}

#if defined(NUWA_BF16) || defined(NUWA_BF16_IN_STEPS)
#define NUWA_BF16_PAIRS

// sum + the products of the lower halves + the products of the upper halves, as bfloat16.
NUWA_INLINE vf dotPairs(vf sum, vi a, vi b) {
#if defined(NUWA_BF16)
  return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#else
  return sum + (vf)(a & -0x10000) * (vf)(b & -0x10000) + (vf)(a << 16) * (vf)(b << 16);
#endif
}

// C (rows, up to NR columns) = (C +) A · panel (+ bias), `steps` pairs deep: a[s * MR + r] and panel[s * NR + j] hold
// k = 2s in their lower half and k = 2s + 1 in the upper.
template <int Rows>
static inline void pairTile(int64_t steps, const uint32_t* a, const uint32_t* panel, float* c, int64_t strideC,
                            bool accumulate, const float* bias) {
  vf sum[Rows][NV];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; i++) {
#pragma GCC unroll 2
    for (int j = 0; j < NV; j++) sum[i][j] = bias == nullptr ? vf{} : load(bias + j * W);
  }
  for (int64_t s = 0; s < steps; s++) {
    vi b[NV];
#pragma GCC unroll 2
    for (int j = 0; j < NV; j++) b[j] = (vi)load(reinterpret_cast<const float*>(panel + s * NR + j * W));
#pragma GCC unroll 16
    for (int i = 0; i < Rows; i++) {
      const vi value = splatInt(static_cast<int32_t>(a[s * MR + i]));
#pragma GCC unroll 2
      for (int j = 0; j < NV; j++) sum[i][j] = dotPairs(sum[i][j], value, b[j]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; i++) {
#pragma GCC unroll 2
    for (int j = 0; j < NV; j++) {
      float* to = c + i * strideC + j * W;
      store(to, accumulate ? load(to) + sum[i][j] : sum[i][j]);
    }
  }
}

template <int Rows = MR>
static inline void pairRows(int64_t rows, int64_t steps, const uint32_t* a, const uint32_t* panel, float* c,
                            int64_t strideC, bool accumulate, const float* bias) {
  if constexpr (Rows > 0) {
    if (rows == Rows) return pairTile<Rows>(steps, a, panel, c, strideC, accumulate, bias);
    pairRows<Rows - 1>(rows, steps, a, panel, c, strideC, accumulate, bias);
  }
}

// The layout and the tile that products use in place of the float32 ones.
struct PairedFormat {
  using Element = uint32_t;
  static constexpr int kDepth = 2;
  static constexpr bool kReadsRowsInPlace = false;

  // Floats are packed a few values of k at a time and then paired.
  static constexpr int64_t kAtOnce = 64;

  template <int Side, typename Pack>
  static void pairUp(Element* panel, int64_t K, const Pack& pack) {
    alignas(64) float floats[(kAtOnce + 1) * Side];
    for (int64_t k = 0; k < K; k += kAtOnce) {
      const int64_t n = minimum(kAtOnce, K - k);
      pack(floats, k, n);
      if (n % 2 != 0) memset(floats + n * Side, 0, sizeof(float) * Side);
      for (int64_t s = 0; s < divideUp(n, 2); s++) {
        Element* to = panel + (k / 2 + s) * Side;
        const float *low = floats + 2 * s * Side, *high = low + Side;
        for (int i = 0; i < Side; i += W) {
          const int64_t count = minimum(int64_t{W}, int64_t{Side} - i);
          const vf first = count == W ? load(low + i) : loadPart(low + i, count);
          const vf second = count == W ? load(high + i) : loadPart(high + i, count);
          const vf pair = (vf)(((bfloat16Bits(first) >> 16) & 0xffff) | bfloat16Bits(second));
          if (count == W) store(reinterpret_cast<float*>(to + i), pair);
          else storePart(reinterpret_cast<float*>(to + i), pair, count);
        }
      }
    }
  }

  static void packB(Element* panel, const float* b, int64_t stride, int64_t K, int64_t columns, bool transposed) {
    pairUp<NR>(panel, K, [&](float* floats, int64_t k, int64_t n) {
      if (transposed) packPanelTransposed(floats, b + k, stride, n, columns);
      else packPanel(floats, b + k * stride, stride, n, columns);
    });
  }
  static void packA(Element* panel, const float* a, int64_t stride, int64_t K, int64_t rows, bool transposed) {
    pairUp<MR>(panel, K, [&](float* floats, int64_t k, int64_t n) {
      memset(floats, 0, sizeof(float) * static_cast<size_t>(n * MR));
      packRows(floats, transposed ? a + k * stride : a + k, stride, n, rows, transposed);
    });
  }
  static void block(int64_t rows, int64_t columns, int64_t steps, const Element* a, const Element* panel, float* c,
                    int64_t strideC, bool accumulate, const float* bias) {
    if (columns == NR) return pairRows(rows, steps, a, panel, c, strideC, accumulate, bias);
    float tile[MR * NR];
    pairRows(rows, steps, a, panel, tile, NR, false, nullptr);
    for (int64_t i = 0; i < rows; i++) {
      for (int64_t j = 0; j < columns; j++) {
        const float value = tile[i * NR + j] + (bias == nullptr ? 0.0f : bias[j]);
        float* to = c + i * strideC + j;
        *to = accumulate ? *to + value : value;
      }
    }
  }
};

#endif

}  // namespace NUWA_ISA
}  // namespace nuwa
