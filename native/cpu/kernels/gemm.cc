// Matrix products: B is packed once, in parallel; then threads share fixed tiles of the result (Goto & van de Geijn 2008).
// Every element is summed over k in one order, whatever the number of threads.
#include <time.h>

#include "panels.h"

namespace nuwa {
namespace NUWA_ISA {

namespace {

struct Product {
  float* c;
  const float* a;
  const float* b;
  const float* bias;
  int64_t M, N, K;
  bool transposeA, transposeB, accumulate;
};

// A panel of B (kBlock x NR floats) stays in the first-level cache, a block of A (tile rows x kBlock) in the second.
constexpr int64_t kBlockMost = 400;
constexpr int64_t kTileRows = MR == 14 ? 112 : 144;
constexpr int64_t kTileColumns = 256;
// Packed memory at one time: at most kDepthMost * kPackedColumns floats for B, and as much for A.
constexpr int64_t kDepthMost = 4096;
constexpr int64_t kPackedFloats = int64_t{4} << 20;
// A product with fewer tiles than this is cut smaller, so that many threads find work.
constexpr int64_t kTilesWanted = 16;

// Rows of A are read in place where that is a straight walk and the rows are few enough for the address registers.
constexpr bool kReadsAInPlace = MR <= 8;

struct Blocks {
  int64_t count, size;
};

// Even blocks of at most `most`, a multiple of 8.
NUWA_INLINE Blocks evenBlocks(int64_t length, int64_t most) {
  const int64_t size = roundUp(divideUp(length, divideUp(length, most)), 8);
  return {divideUp(length, size), size};
}

// One pass over k0 .. k0 + depth and columns n0 .. n0 + width of the result.
void pass(Context& context, const Product& p, int64_t m0, int64_t height, int64_t n0, int64_t width, int64_t k0,
          int64_t depth) {
  const int64_t strideA = p.transposeA ? p.M : p.K, strideB = p.transposeB ? p.K : p.N;
  const Blocks k = evenBlocks(depth, kBlockMost);
  const int64_t paddedWidth = roundUp(width, NR), paddedHeight = roundUp(height, MR);
  const bool packA = p.transposeA || !kReadsAInPlace;

  float* packedB = static_cast<float*>(context.packedB.reserve(sizeof(float) * static_cast<size_t>(paddedWidth * depth)));
  float* packedA =
      packA ? static_cast<float*>(context.packedA.reserve(sizeof(float) * static_cast<size_t>(paddedHeight * depth)))
            : nullptr;

  // Packed blocks of k follow each other: block kb of B starts at kb * k.size * paddedWidth.
  const int64_t panelsB = paddedWidth / NR, panelsA = packA ? paddedHeight / MR : 0;
  const int64_t perTask = maximum(int64_t{1}, kGrain / (k.size * NR));
  const int64_t tasksB = divideUp(panelsB, perTask), tasksA = divideUp(panelsA, perTask);
  parallelTiles(context, k.count * (tasksB + tasksA), [&](int64_t tile, int) {
    const int64_t kb = tile / (tasksB + tasksA), task = tile % (tasksB + tasksA);
    const int64_t first = k0 + kb * k.size, n = minimum(k.size, depth - kb * k.size);
    if (task < tasksB) {
      float* to = packedB + kb * k.size * paddedWidth;
      for (int64_t j = task * perTask; j < minimum(panelsB, (task + 1) * perTask); j++) {
        const int64_t column = n0 + j * NR, columns = minimum(int64_t{NR}, n0 + width - column);
        if (p.transposeB) packPanelTransposed(to + j * NR * n, p.b + column * strideB + first, strideB, n, columns);
        else packPanel(to + j * NR * n, p.b + first * strideB + column, strideB, n, columns);
      }
      return;
    }
    float* to = packedA + kb * k.size * paddedHeight;
    for (int64_t i = (task - tasksB) * perTask; i < minimum(panelsA, (task - tasksB + 1) * perTask); i++) {
      const int64_t row = m0 + i * MR, rows = minimum(int64_t{MR}, m0 + height - row);
      float* panel = to + i * MR * n;
      if (p.transposeA) {
        const float* from = p.a + first * strideA + row;
        if (rows == MR) {
          for (int64_t q = 0; q < n; q++) memcpy(panel + q * MR, from + q * strideA, sizeof(float) * MR);
        } else {
          for (int64_t q = 0; q < n; q++) {
            for (int64_t r = 0; r < rows; r++) panel[q * MR + r] = from[q * strideA + r];
          }
        }
      } else {
        for (int64_t r = 0; r < rows; r++) {
          const float* from = p.a + (row + r) * strideA + first;
          for (int64_t q = 0; q < n; q++) panel[q * MR + r] = from[q];
        }
      }
    }
  });

  int64_t tileRows = minimum(kTileRows, paddedHeight), tileColumns = minimum(kTileColumns, paddedWidth);
  while (divideUp(height, tileRows) * divideUp(width, tileColumns) < kTilesWanted) {
    if (tileColumns >= 2 * tileRows && tileColumns > 2 * NR) tileColumns = roundUp(tileColumns / 2, NR);
    else if (tileRows > 2 * MR) tileRows = roundUp(tileRows / 2, MR);
    else if (tileColumns > 2 * NR) tileColumns = roundUp(tileColumns / 2, NR);
    else break;
  }
  const int64_t tilesDown = divideUp(height, tileRows), tilesAcross = divideUp(width, tileColumns);
  parallelTiles(context, tilesDown * tilesAcross, [&](int64_t tile, int) {
    const int64_t row = tile / tilesAcross * tileRows, column = tile % tilesAcross * tileColumns;
    const int64_t rows = minimum(tileRows, height - row), columns = minimum(tileColumns, width - column);
    float* c = p.c + (m0 + row) * p.N + n0 + column;
    for (int64_t kb = 0; kb < k.count; kb++) {
      const int64_t first = kb * k.size, n = minimum(k.size, depth - first);
      const bool add = p.accumulate || k0 + first > 0;
      const float* panels = packedB + first * paddedWidth + column * n;
      const float* bias = p.bias != nullptr && k0 + first == 0 ? p.bias + n0 + column : nullptr;
      if (!packA) {
        blockProduct<false>(rows, columns, n, p.a + (m0 + row) * strideA + k0 + first, strideA, panels, NR * n, c, p.N,
                            add, bias);
        continue;
      }
      const float* panelA = packedA + first * paddedHeight + row * n;
      for (int64_t j = 0; j < columns; j += NR) {
        for (int64_t i = 0; i < rows; i += MR) {
          microBlock<true>(minimum(int64_t{MR}, rows - i), minimum(int64_t{NR}, columns - j), n, panelA + i * n, MR,
                           panels + j * n, c + i * p.N + j, p.N, add, bias == nullptr ? nullptr : bias + j);
        }
      }
    }
  });
}

// A few rows against a whole weight, as in decoding: bound by reading B once. Eight columns share each load of A.
template <int Rows>
void skinny(Context& context, const Product& p) {
  constexpr int kAtOnce = Rows == 1 ? 8 : Rows == 2 ? 4 : 2;
  const int64_t whole = p.K / W * W;
  parallelRange(context, p.N, maximum(int64_t{kAtOnce}, roundUp(rowGrain(p.K) * 4, kAtOnce)),
                [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; n += kAtOnce) {
      const int64_t count = minimum(int64_t{kAtOnce}, end - n);
      vf sum[Rows][kAtOnce] = {};
      const float* b[kAtOnce];
      // Past the end, the last column is read again and its result dropped.
      for (int j = 0; j < kAtOnce; j++) b[j] = p.b + (n + minimum(int64_t{j}, count - 1)) * p.K;
      for (int64_t k = 0; k < whole; k += W) {
        vf a[Rows];
#pragma GCC unroll 4
        for (int i = 0; i < Rows; i++) a[i] = load(p.a + i * p.K + k);
#pragma GCC unroll 8
        for (int j = 0; j < kAtOnce; j++) {
          const vf value = load(b[j] + k);
#pragma GCC unroll 4
          for (int i = 0; i < Rows; i++) sum[i][j] += a[i] * value;
        }
      }
      for (int i = 0; i < Rows; i++) {
        for (int64_t j = 0; j < count; j++) {
          float total = sumLanes(sum[i][j]);
          for (int64_t k = whole; k < p.K; k++) total += p.a[i * p.K + k] * b[j][k];
          if (p.bias != nullptr) total += p.bias[n + j];
          float* to = p.c + i * p.N + n + j;
          *to = p.accumulate ? *to + total : total;
        }
      }
    }
  });
}

}  // namespace

void gemm(Context& context, float* out, const float* a, const float* b, const float* bias, int64_t M, int64_t N,
          int64_t K, bool transposeA, bool transposeB, bool accumulate) {
  if (M == 0 || N == 0) return;
  if (K == 0) {
    for (int64_t i = 0; i < M && (!accumulate || bias != nullptr); i++) {
      for (int64_t j = 0; j < N; j++) {
        out[i * N + j] = (accumulate ? out[i * N + j] : 0.0f) + (bias == nullptr ? 0.0f : bias[j]);
      }
    }
    return;
  }
  const Product p{out, a, b, bias, M, N, K, transposeA, transposeB, accumulate};
  if (transposeB && !transposeA) {
    switch (M) {
      case 1: return skinny<1>(context, p);
      case 2: return skinny<2>(context, p);
      case 3: return skinny<3>(context, p);
      case 4: return skinny<4>(context, p);
      default: break;
    }
  }
  const Blocks k = evenBlocks(K, kDepthMost);
  const int64_t sideMost = kPackedFloats / k.size;
  const int64_t widthMost = maximum(int64_t{NR}, sideMost / NR * NR), heightMost = maximum(int64_t{MR}, sideMost / MR * MR);
  const bool packA = transposeA || !kReadsAInPlace;
  for (int64_t kb = 0; kb < k.count; kb++) {
    const int64_t k0 = kb * k.size, depth = minimum(k.size, K - k0);
    for (int64_t n0 = 0; n0 < N; n0 += widthMost) {
      for (int64_t m0 = 0; m0 < M; m0 += packA ? heightMost : M) {
        pass(context, p, m0, minimum(packA ? heightMost : M, M - m0), n0, minimum(widthMost, N - n0), k0, depth);
      }
    }
  }
}

// Register-only multiply-adds on every thread: what the processor can do at most.
void measurePeak(Context& context, double* gflops, double seconds) {
  const int threads = context.pool.threads();
  constexpr int kChains = NV * MR;
  constexpr int64_t kRounds = 20000;
  double best = 0;
  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  const auto since = [](const struct timespec& a, const struct timespec& b) {
    return static_cast<double>(b.tv_sec - a.tv_sec) + 1e-9 * static_cast<double>(b.tv_nsec - a.tv_nsec);
  };
  float* sink = context.perThread(W);
  const int64_t stride = context.perThreadStride();
  do {
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    parallelTiles(context, threads, [&](int64_t tile, int) {
      vf sum[kChains];
      for (int i = 0; i < kChains; i++) sum[i] = splat(static_cast<float>(i));
      const vf factor = splat(0.999f), add = splat(0.001f);
      for (int64_t r = 0; r < kRounds; r++) {
#pragma GCC unroll 32
        for (int i = 0; i < kChains; i++) sum[i] = sum[i] * factor + add;
      }
      vf total = {};
      for (int i = 0; i < kChains; i++) total += sum[i];
      store(sink + tile * stride, total);
    });
    clock_gettime(CLOCK_MONOTONIC, &after);
    const double flops = 2.0 * W * kChains * static_cast<double>(kRounds) * threads;
    const double rate = flops / since(before, after) * 1e-9;
    best = rate > best ? rate : best;
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (since(start, now) < seconds);
  *gflops = best;
}

}  // namespace NUWA_ISA
}  // namespace nuwa
