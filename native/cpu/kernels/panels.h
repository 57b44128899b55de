// The inner block of every matrix product: a register tile of MR x NR, and the packing it reads.
// B is packed in panels of NR columns, k-major: panel[k * NR + j]. A is read in place, or packed in panels of MR rows.
#pragma once
#include "vector.h"

namespace nuwa {
namespace NUWA_ISA {

// Accumulators must fit the registers beside one row of B and one value of A.
#if NUWA_WIDTH == 16
constexpr int MR = 14, NV = 2;  // 28 of 32 registers
#elif defined(NUWA_NEON)
constexpr int MR = 6, NV = 4;  // 24 of 32 registers; a row of A and of B costs 10 loads for 24 multiply-adds
#else
constexpr int MR = 6, NV = 2;  // 12 of 16 registers
#endif
constexpr int NR = NV * W;

// C (rows, up to NR columns) = (C +) A (rows, K) · panel (+ bias). A's element (i, k) lies at a[i * rowStride + k * kStride].
template <int Rows, bool ColumnMajorA>
static inline void microTile(int64_t K, const float* a, int64_t strideA, const float* panel, float* c, int64_t strideC,
                             bool accumulate, const float* bias) {
  vf sum[Rows][NV];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) sum[i][j] = vf{};
  }
#pragma GCC unroll 4
  for (int64_t k = 0; k < K; k++) {
    vf b[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) b[j] = load(panel + k * NR + j * W);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; i++) {
      const vf value = splat(ColumnMajorA ? a[k * strideA + i] : a[i * strideA + k]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) sum[i][j] += value * b[j];
    }
  }
  if (bias != nullptr) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) {
      const vf add = load(bias + j * W);
#pragma GCC unroll 16
      for (int i = 0; i < Rows; i++) sum[i][j] += add;
    }
  }
  if (accumulate) {
#pragma GCC unroll 16
    for (int i = 0; i < Rows; i++) {
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) store(c + i * strideC + j * W, load(c + i * strideC + j * W) + sum[i][j]);
    }
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < Rows; i++) {
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) store(c + i * strideC + j * W, sum[i][j]);
    }
  }
}

// The same for 1 to MR rows.
template <bool ColumnMajorA, int Rows = MR>
static inline void microRows(int64_t rows, int64_t K, const float* a, int64_t strideA, const float* panel, float* c,
                             int64_t strideC, bool accumulate, const float* bias) {
  if constexpr (Rows > 0) {
    if (rows == Rows) return microTile<Rows, ColumnMajorA>(K, a, strideA, panel, c, strideC, accumulate, bias);
    microRows<ColumnMajorA, Rows - 1>(rows, K, a, strideA, panel, c, strideC, accumulate, bias);
  }
}

// The same for 1 to NR columns: a part panel goes through a tile on the stack.
template <bool ColumnMajorA>
static inline void microBlock(int64_t rows, int64_t columns, int64_t K, const float* a, int64_t strideA,
                              const float* panel, float* c, int64_t strideC, bool accumulate, const float* bias) {
  if (columns == NR) return microRows<ColumnMajorA>(rows, K, a, strideA, panel, c, strideC, accumulate, bias);
  float tile[MR * NR];
  float paddedBias[NR] = {};
  if (bias != nullptr) {
    for (int64_t j = 0; j < columns; j++) paddedBias[j] = bias[j];
  }
  microRows<ColumnMajorA>(rows, K, a, strideA, panel, tile, NR, false, paddedBias);
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = 0; j < columns; j++) {
      float* to = c + i * strideC + j;
      *to = accumulate ? *to + tile[i * NR + j] : tile[i * NR + j];
    }
  }
}

// C (rows, columns) = (C +) A · panels, on one thread. Panels of one k-block lie panelStride floats apart.
// Row-major A: element (i, k) at a[i * strideA + k]; column-major A: at a[k * strideA + i].
template <bool ColumnMajorA>
static inline void blockProduct(int64_t rows, int64_t columns, int64_t K, const float* a, int64_t strideA,
                                const float* panels, int64_t panelStride, float* c, int64_t strideC, bool accumulate,
                                const float* bias = nullptr) {
  for (int64_t j = 0; j < columns; j += NR) {
    const float* panel = panels + j / NR * panelStride;
    const int64_t n = minimum(int64_t{NR}, columns - j);
    for (int64_t i = 0; i < rows; i += MR) {
      microBlock<ColumnMajorA>(minimum(int64_t{MR}, rows - i), n, K, ColumnMajorA ? a + i : a + i * strideA, strideA,
                               panel, c + i * strideC + j, strideC, accumulate, bias == nullptr ? nullptr : bias + j);
    }
  }
}

// panel[k * NR + j] = b[k * stride + j], zeros past `columns`.
NUWA_INLINE void packPanel(float* panel, const float* b, int64_t stride, int64_t K, int64_t columns) {
  if (columns == NR) {
    for (int64_t k = 0; k < K; k++) {
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) store(panel + k * NR + j * W, load(b + k * stride + j * W));
    }
    return;
  }
  for (int64_t k = 0; k < K; k++) {
    for (int j = 0; j < NR; j++) panel[k * NR + j] = j < columns ? b[k * stride + j] : 0.0f;
  }
}

// panel[k * NR + j] = b[j * stride + k], zeros past `columns`.
NUWA_INLINE void packPanelTransposed(float* panel, const float* b, int64_t stride, int64_t K, int64_t columns) {
  // Squares of W columns and W values of k are turned in registers.
  for (int j = 0; j < NR; j += W) {
    const int64_t count = minimum(int64_t{W}, columns - j);
    int64_t k = 0;
    if (count == W) {
      for (; k + W <= K; k += W) {
        vf rows[W];
#pragma GCC unroll 16
        for (int i = 0; i < W; i++) rows[i] = load(b + (j + i) * stride + k);
        transpose(rows);
#pragma GCC unroll 16
        for (int i = 0; i < W; i++) store(panel + (k + i) * NR + j, rows[i]);
      }
    }
    for (; k < K; k++) {
      for (int i = 0; i < W; i++) panel[k * NR + j + i] = i < count ? b[(j + i) * stride + k] : 0.0f;
    }
  }
}

// panel[k * MR + r] = a[r * stride + k], or, transposed, a[k * stride + r]. Rows past `rows` are left as they are: what
// they give is dropped.
NUWA_INLINE void packRows(float* panel, const float* a, int64_t stride, int64_t K, int64_t rows, bool transposed) {
  if (!transposed) {
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t k = 0; k < K; k++) panel[k * MR + r] = a[r * stride + k];
    }
  } else if (rows == MR) {
    for (int64_t k = 0; k < K; k++) memcpy(panel + k * MR, a + k * stride, sizeof(float) * MR);
  } else {
    for (int64_t k = 0; k < K; k++) {
      for (int64_t r = 0; r < rows; r++) panel[k * MR + r] = a[k * stride + r];
    }
  }
}

// Packs B (K, columns), or its transpose (columns, K), into panels of K * NR floats one after the other.
NUWA_INLINE void packPanels(float* panels, const float* b, int64_t stride, int64_t K, int64_t columns,
                            bool transposed) {
  for (int64_t j = 0; j < columns; j += NR) {
    const int64_t n = minimum(int64_t{NR}, columns - j);
    if (transposed) packPanelTransposed(panels + j * K, b + j * stride, stride, K, n);
    else packPanel(panels + j * K, b + j, stride, K, n);
  }
}

}  // namespace NUWA_ISA
}  // namespace nuwa
