// Matrix products: B is packed once, in parallel; then threads share fixed tiles of the result (Goto & van de Geijn 2008).
// Every element is summed over k in one order, whatever the number of threads.
#include <time.h>

#include "bfloat16.h"
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
constexpr int64_t kBlockMost = NR == 32 ? 240 : 400;
constexpr int64_t kTileRows = MR == 14 ? 112 : 144;
constexpr int64_t kTileColumns = 256;
// Packed memory at one time: at most kDepthMost * kPackedColumns floats for B, and as much for A.
constexpr int64_t kDepthMost = 4096;
constexpr int64_t kPackedFloats = int64_t{4} << 20;
// A product with fewer tiles than this is cut smaller, so that many threads find work.
constexpr int64_t kTilesWanted = 16;

struct Blocks {
  int64_t count, size;
};

// Even blocks of at most `most`, a multiple of 8.
NUWA_INLINE Blocks evenBlocks(int64_t length, int64_t most) {
  const int64_t size = roundUp(divideUp(length, divideUp(length, most)), 8);
  return {divideUp(length, size), size};
}

// How a product's operands are packed and multiplied. kDepth values of k lie in one element.
struct Float32Format {
  using Element = float;
  static constexpr int kDepth = 1;
  // Rows of A are read in place where that is a straight walk and the rows are few enough for the address registers.
  static constexpr bool kReadsRowsInPlace = MR <= 8;
  static void packB(Element* panel, const float* b, int64_t stride, int64_t K, int64_t columns, bool transposed) {
    if (transposed) packPanelTransposed(panel, b, stride, K, columns);
    else packPanel(panel, b, stride, K, columns);
  }
  static void packA(Element* panel, const float* a, int64_t stride, int64_t K, int64_t rows, bool transposed) {
    packRows(panel, a, stride, K, rows, transposed);
  }
  static void block(int64_t rows, int64_t columns, int64_t depth, const Element* a, const Element* panel, float* c,
                    int64_t strideC, bool accumulate, const float* bias) {
    microBlock<true>(rows, columns, depth, a, MR, panel, c, strideC, accumulate, bias);
  }
};

#if defined(NUWA_BF16_PAIRS)
using Bfloat16Format = PairedFormat;
#else
// Without bf16 instructions: values rounded to bf16 and kept as floats, so that every processor gives the same numbers
// up to the order of sums.
struct Bfloat16Format : Float32Format {
  static constexpr bool kReadsRowsInPlace = false;
  static void packB(Element* panel, const float* b, int64_t stride, int64_t K, int64_t columns, bool transposed) {
    Float32Format::packB(panel, b, stride, K, columns, transposed);
    roundToBfloat16(panel, K * NR);
  }
  static void packA(Element* panel, const float* a, int64_t stride, int64_t K, int64_t rows, bool transposed) {
    Float32Format::packA(panel, a, stride, K, rows, transposed);
    roundToBfloat16(panel, K * MR);
  }
};
#endif

// One pass over k0 .. k0 + depth, height rows from m0 and width columns from n0 of the result.
template <typename Format>
void pass(Context& context, const Product& p, int64_t m0, int64_t height, int64_t n0, int64_t width, int64_t k0,
          int64_t depth) {
  using Element = typename Format::Element;
  constexpr int64_t D = Format::kDepth;
  const int64_t strideA = p.transposeA ? p.M : p.K, strideB = p.transposeB ? p.K : p.N;
  const Blocks k = evenBlocks(depth, kBlockMost * D);
  const int64_t paddedWidth = roundUp(width, NR), paddedHeight = roundUp(height, MR);
  const bool packA = p.transposeA || !Format::kReadsRowsInPlace;

  const auto reserve = [&](Scratch& scratch, int64_t side) {
    return static_cast<Element*>(scratch.reserve(sizeof(Element) * static_cast<size_t>(side * divideUp(depth, D))));
  };
  Element* packedB = reserve(context.packedB, paddedWidth);
  Element* packedA = packA ? reserve(context.packedA, paddedHeight) : nullptr;

  // Packed blocks of k follow each other: block kb of B starts at kb * k.size / D * paddedWidth.
  const int64_t panelsB = paddedWidth / NR, panelsA = packA ? paddedHeight / MR : 0;
  const int64_t perTask = maximum(int64_t{1}, kGrain / (k.size * NR));
  const int64_t tasksB = divideUp(panelsB, perTask), tasksA = divideUp(panelsA, perTask);
  parallelTiles(context, k.count * (tasksB + tasksA), [&](int64_t tile, int) {
    const int64_t kb = tile / (tasksB + tasksA), task = tile % (tasksB + tasksA);
    const int64_t start = kb * k.size, first = k0 + start, n = minimum(k.size, depth - start);
    const int64_t steps = divideUp(n, D);
    if (task < tasksB) {
      Element* to = packedB + start / D * paddedWidth;
      for (int64_t j = task * perTask; j < minimum(panelsB, (task + 1) * perTask); j++) {
        const int64_t column = n0 + j * NR, columns = minimum(int64_t{NR}, n0 + width - column);
        const float* from = p.transposeB ? p.b + column * strideB + first : p.b + first * strideB + column;
        Format::packB(to + j * NR * steps, from, strideB, n, columns, p.transposeB);
      }
      return;
    }
    Element* to = packedA + start / D * paddedHeight;
    for (int64_t i = (task - tasksB) * perTask; i < minimum(panelsA, (task - tasksB + 1) * perTask); i++) {
      const int64_t row = m0 + i * MR, rows = minimum(int64_t{MR}, m0 + height - row);
      const float* from = p.transposeA ? p.a + first * strideA + row : p.a + row * strideA + first;
      Format::packA(to + i * MR * steps, from, strideA, n, rows, p.transposeA);
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
      const int64_t first = kb * k.size, n = minimum(k.size, depth - first), steps = divideUp(n, D);
      const bool add = p.accumulate || k0 + first > 0;
      const Element* panels = packedB + first / D * paddedWidth + column * steps;
      const float* bias = p.bias != nullptr && k0 + first == 0 ? p.bias + n0 + column : nullptr;
      if constexpr (Format::kReadsRowsInPlace) {
        if (!packA) {
          blockProduct<false>(rows, columns, n, p.a + (m0 + row) * strideA + k0 + first, strideA, panels, NR * n, c,
                              p.N, add, bias);
          continue;
        }
      }
      const Element* panelA = packedA + first / D * paddedHeight + row * steps;
      for (int64_t j = 0; j < columns; j += NR) {
        for (int64_t i = 0; i < rows; i += MR) {
          Format::block(minimum(int64_t{MR}, rows - i), minimum(int64_t{NR}, columns - j), steps, panelA + i * steps,
                        panels + j * steps, c + i * p.N + j, p.N, add, bias == nullptr ? nullptr : bias + j);
        }
      }
    }
  });
}

// The passes of a whole product: packed memory at one time is bounded.
template <typename Format>
void passes(Context& context, const Product& p) {
  const Blocks k = evenBlocks(p.K, kDepthMost);
  const int64_t sideMost = kPackedFloats / k.size;
  const int64_t widthMost = maximum(int64_t{NR}, sideMost / NR * NR);
  const int64_t heightMost =
      p.transposeA || !Format::kReadsRowsInPlace ? maximum(int64_t{MR}, sideMost / MR * MR) : p.M;
  for (int64_t kb = 0; kb < k.count; kb++) {
    const int64_t k0 = kb * k.size, depth = minimum(k.size, p.K - k0);
    for (int64_t n0 = 0; n0 < p.N; n0 += widthMost) {
      for (int64_t m0 = 0; m0 < p.M; m0 += heightMost) {
        pass<Format>(context, p, m0, minimum(heightMost, p.M - m0), n0, minimum(widthMost, p.N - n0), k0, depth);
      }
    }
  }
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
  if (context.bfloat16Products) return passes<Bfloat16Format>(context, p);
  if (transposeB && !transposeA) {
    switch (M) {
      case 1: return skinny<1>(context, p);
      case 2: return skinny<2>(context, p);
      case 3: return skinny<3>(context, p);
      case 4: return skinny<4>(context, p);
      default: break;
    }
  }
  passes<Float32Format>(context, p);
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
