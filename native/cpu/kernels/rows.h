// A few rows of inputs against a whole weight, as in decoding: bound by reading the weight once.
// The sum of an output runs in one order, whatever the number of rows, so a text decoded beside others gets the same
// bits as alone.
#pragma once
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "weights.h"

namespace nuwa {
namespace NUWA_ISA {

typedef int32_t viMemory __attribute__((vector_size(NUWA_WIDTH * 4), aligned(1), may_alias));
NUWA_INLINE vi loadInt(const void* p) { return *static_cast<const viMemory*>(p); }

// Rows of inputs in the form that a kind of weight wants.
struct Inputs {
  const float* floats;     // (rows, stride): float32 as it came; bfloat16 as 2 W at a time, even ones first
  const int16_t* integers; // (rows, stride): int8's, scaled block by block to 16 bits
  const float* scales;     // (rows, blocks)
  int64_t stride, blocks;
};

// Bytes that `prepareInputs` needs.
NUWA_INLINE int64_t inputBytes(int kind, int64_t rows, int64_t width) {
  const int64_t padded = roundUp(width, kBlock);
  if (kind == kWeightBfloat16) return rows * padded * 4;
  return kind == kWeightInt8 ? rows * (padded * 2 + roundUp(padded / kBlock, 16) * 4) : 0;
}

// Sixteen bits keep what the inputs lose (2^-16 of a block's largest) far below what the weights lost (2^-8).
NUWA_INLINE void quantizeBlock(const float* x, int64_t n, int16_t* out, float* scale) {
  float padded[kBlock] = {};
  for (int64_t i = 0; i < n; i++) padded[i] = x[i];
  vf largest = {}, finite = {};
  for (int64_t i = 0; i < kBlock; i += W) {
    const vf v = load(padded + i);
    largest = maximum(v < 0.0f ? -v : v, largest);
    finite += v * 0.0f;  // NaN when there is an infinity or a NaN
  }
  const float top = maxLanes(largest) + sumLanes(finite);
  *scale = top * (1.0f / 32767.0f);
  const float inverse = top > 0.0f ? 32767.0f / top : 0.0f;
  for (int64_t i = 0; i < kBlock; i++) {
    // Adding and taking away 1.5 * 2^23 rounds to the nearest integer.
    const float rounded = (padded[i] * inverse + 12582912.0f) - 12582912.0f;
    out[i] = rounded == rounded ? static_cast<int16_t>(rounded) : int16_t{0};
  }
}

NUWA_INLINE Inputs prepareInputs(int kind, const float* x, int64_t rows, int64_t width, void* memory) {
  if (kind == kWeightFloat32) return {x, nullptr, nullptr, width, 0};
  const int64_t stride = roundUp(width, kBlock), blocks = stride / kBlock;
  if (kind == kWeightBfloat16) {
    float* to = static_cast<float*>(memory);
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t k = 0; k < stride; k += 2 * W) {
        for (int64_t i = 0; i < 2 * W; i++) {
          to[r * stride + k + (i & 1) * W + i / 2] = k + i < width ? x[r * width + k + i] : 0.0f;
        }
      }
    }
    return {to, nullptr, nullptr, stride, 0};
  }
  int16_t* to = static_cast<int16_t*>(memory);
  float* scales = reinterpret_cast<float*>(to + rows * stride);
  const int64_t scaleStride = roundUp(blocks, 16);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t b = 0; b < scaleStride; b++) {
      if (b >= blocks) scales[r * scaleStride + b] = 0.0f;
      else {
        quantizeBlock(x + r * width + b * kBlock, minimum(kBlock, width - b * kBlock), to + r * stride + b * kBlock,
                      scales + r * scaleStride + b);
      }
    }
  }
  return {nullptr, to, scales, stride, scaleStride};
}

// sums[i * Columns + j] = inputs row `row` + i · weight row columns[j].
template <int Rows, int Columns>
NUWA_INLINE void dotFloat32(const Weight& weight, const Inputs& in, int64_t row, const int64_t* columns, float* sums) {
  const int64_t K = weight.width, whole = K / W * W;
  const float *a[Rows], *b[Columns];
  vf sum[Rows][Columns] = {};
  for (int i = 0; i < Rows; i++) a[i] = in.floats + (row + i) * in.stride;
  for (int j = 0; j < Columns; j++) b[j] = weight.floats(columns[j]);
  for (int64_t k = 0; k < whole; k += W) {
    vf x[Rows];
#pragma GCC unroll 4
    for (int i = 0; i < Rows; i++) x[i] = load(a[i] + k);
#pragma GCC unroll 8
    for (int j = 0; j < Columns; j++) {
      const vf value = load(b[j] + k);
#pragma GCC unroll 4
      for (int i = 0; i < Rows; i++) sum[i][j] += x[i] * value;
    }
  }
  for (int i = 0; i < Rows; i++) {
    for (int j = 0; j < Columns; j++) {
      float total = sumLanes(sum[i][j]);
      for (int64_t k = whole; k < K; k++) total += a[i][k] * b[j][k];
      sums[i * Columns + j] = total;
    }
  }
}

template <int Rows, int Columns>
NUWA_INLINE void dotBfloat16(const Weight& weight, const Inputs& in, int64_t row, const int64_t* columns, float* sums) {
  const float* a[Rows];
  const uint16_t* b[Columns];
  vf sum[Rows][Columns] = {};
  for (int i = 0; i < Rows; i++) a[i] = in.floats + (row + i) * in.stride;
  for (int j = 0; j < Columns; j++) b[j] = weight.halves(columns[j]);
  for (int64_t k = 0; k < in.stride; k += 2 * W) {
    vf even[Rows], odd[Rows];
#pragma GCC unroll 4
    for (int i = 0; i < Rows; i++) {
      even[i] = load(a[i] + k);
      odd[i] = load(a[i] + k + W);
    }
#pragma GCC unroll 8
    for (int j = 0; j < Columns; j++) {
      const vi pairs = loadInt(b[j] + k);
      const vf low = reinterpret_cast<vf>(pairs << 16), high = reinterpret_cast<vf>(pairs & static_cast<int32_t>(0xffff0000u));
#pragma GCC unroll 4
      for (int i = 0; i < Rows; i++) sum[i][j] += even[i] * low;
#pragma GCC unroll 4
      for (int i = 0; i < Rows; i++) sum[i][j] += odd[i] * high;
    }
  }
  for (int i = 0; i < Rows; i++) {
    for (int j = 0; j < Columns; j++) sums[i * Columns + j] = sumLanes(sum[i][j]);
  }
}

// A block of 32 weights widened to 16 bits, and its exact product with 32 inputs spread over W lanes.
#if NUWA_WIDTH == 16 && defined(__AVX512BW__)
struct WideBlock {
  __m512i all;
};
NUWA_INLINE WideBlock widen(const int8_t* p) {
  return {_mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
NUWA_INLINE vf blockDot(const WideBlock& w, const int16_t* x) {
  return __builtin_convertvector(reinterpret_cast<vi>(_mm512_madd_epi16(w.all, _mm512_loadu_si512(x))), vf);
}
#elif NUWA_WIDTH == 8 && defined(__AVX2__)
struct WideBlock {
  __m256i low, high;
};
NUWA_INLINE WideBlock widen(const int8_t* p) {
  const __m128i* at = reinterpret_cast<const __m128i*>(p);
  return {_mm256_cvtepi8_epi16(_mm_loadu_si128(at)), _mm256_cvtepi8_epi16(_mm_loadu_si128(at + 1))};
}
NUWA_INLINE vf blockDot(const WideBlock& w, const int16_t* x) {
  const __m256i* at = reinterpret_cast<const __m256i*>(x);
  const __m256i low = _mm256_madd_epi16(w.low, _mm256_loadu_si256(at));
  const __m256i high = _mm256_madd_epi16(w.high, _mm256_loadu_si256(at + 1));
  return _mm256_cvtepi32_ps(_mm256_add_epi32(low, high));
}
#else
struct WideBlock {
  int16_t values[kBlock];
};
NUWA_INLINE WideBlock widen(const int8_t* p) {
  WideBlock block;
  for (int i = 0; i < kBlock; i++) block.values[i] = p[i];
  return block;
}
NUWA_INLINE vf blockDot(const WideBlock& w, const int16_t* x) {
  vi sum = {};
  for (int k = 0; k < kBlock; k += W) {
    for (int lane = 0; lane < W; lane++) sum[lane] += static_cast<int32_t>(w.values[k + lane]) * x[k + lane];
  }
  return __builtin_convertvector(sum, vf);
}
#endif

constexpr int kScaleGroup = 8;

template <int Rows, int Columns>
NUWA_INLINE void dotInt8(const Weight& weight, const Inputs& in, int64_t row, const int64_t* columns, float* sums) {
  const int16_t* a[Rows];
  const float* inputScale[Rows];
  const int8_t* b[Columns];
  const uint16_t* scale[Columns];
  vf sum[Rows][Columns] = {};
  for (int i = 0; i < Rows; i++) {
    a[i] = in.integers + (row + i) * in.stride;
    inputScale[i] = in.scales + (row + i) * in.blocks;
  }
  for (int j = 0; j < Columns; j++) {
    b[j] = weight.bytes(columns[j]);
    scale[j] = weight.scales(columns[j]);
  }
  const int64_t blocks = weight.blocks();
  for (int64_t first = 0; first < blocks; first += kScaleGroup) {
    // Scales of eight blocks at a time: the weights', times those of each row's inputs.
    float factor[Rows][Columns][kScaleGroup];
    for (int j = 0; j < Columns; j++) {
#if defined(__AVX2__)
      const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(scale[j] + first));
      const __m256i shifted = _mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 13);
      const __m256 floats = _mm256_mul_ps(_mm256_castsi256_ps(shifted), _mm256_set1_ps(0x1p112f));
      for (int i = 0; i < Rows; i++) {
        _mm256_storeu_ps(factor[i][j], _mm256_mul_ps(floats, _mm256_loadu_ps(inputScale[i] + first)));
      }
#else
      for (int g = 0; g < kScaleGroup; g++) {
        const float value = fromHalf(scale[j][first + g]);
        for (int i = 0; i < Rows; i++) factor[i][j][g] = value * inputScale[i][first + g];
      }
#endif
    }
    const int count = static_cast<int>(minimum(kScaleGroup, blocks - first));
    for (int g = 0; g < count; g++) {
      const int64_t k = (first + g) * kBlock;
#pragma GCC unroll 8
      for (int j = 0; j < Columns; j++) {
        const WideBlock wide = widen(b[j] + k);
#pragma GCC unroll 4
        for (int i = 0; i < Rows; i++) sum[i][j] += blockDot(wide, a[i] + k) * factor[i][j][g];
      }
    }
  }
  for (int i = 0; i < Rows; i++) {
    for (int j = 0; j < Columns; j++) sums[i * Columns + j] = sumLanes(sum[i][j]);
  }
}

template <int Rows, int Columns>
NUWA_INLINE void dots(const Weight& weight, const Inputs& in, int64_t row, const int64_t* columns, float* sums) {
  if (weight.kind == kWeightFloat32) dotFloat32<Rows, Columns>(weight, in, row, columns, sums);
  else if (weight.kind == kWeightBfloat16) dotBfloat16<Rows, Columns>(weight, in, row, columns, sums);
  else dotInt8<Rows, Columns>(weight, in, row, columns, sums);
}

// Outputs [begin, end) of rows [row, row + Rows), each handed to put(row, column, value). Several weight rows share
// each load of an input. They lie a quarter (or half) of the stretch apart, so that each is read as one long stream,
// which the processor fetches ahead. Past the end the last one is read again and its result dropped.
template <int Rows, typename Put>
static inline void rowGroup(const Weight& weight, const Inputs& in, int64_t row, int64_t begin, int64_t end,
                            const Put& put) {
  constexpr int kAtOnce = Rows <= 2 ? 4 : 2;
  const int64_t apart = divideUp(end - begin, int64_t{kAtOnce});
  for (int64_t n = begin; n < begin + apart; n++) {
    int64_t columns[kAtOnce];
    float sums[Rows * kAtOnce];
    for (int64_t j = 0; j < kAtOnce; j++) columns[j] = minimum(n + j * apart, end - 1);
    dots<Rows, kAtOnce>(weight, in, row, columns, sums);
    for (int i = 0; i < Rows; i++) {
      for (int64_t j = 0; j < kAtOnce && n + j * apart < end; j++) put(row + i, n + j * apart, sums[i * kAtOnce + j]);
    }
  }
}

// Weight rows that stay in the second-level cache while all rows of inputs pass.
NUWA_INLINE int64_t cachedColumns(const Weight& weight) {
  const int64_t bytes = weight.stride() * (weight.kind == kWeightFloat32 ? 4 : weight.kind == kWeightBfloat16 ? 2 : 1);
  return maximum(int64_t{8}, (int64_t{128} << 10) / maximum(int64_t{1}, bytes) / 8 * 8);
}

// Every row of inputs with outputs [begin, end).
template <typename Put>
static inline void fewRows(const Weight& weight, const Inputs& in, int64_t rows, int64_t begin, int64_t end,
                           const Put& put) {
  if (rows == 1) return rowGroup<1>(weight, in, 0, begin, end, put);
  const int64_t step = cachedColumns(weight);
  for (int64_t first = begin; first < end; first += step) {
    const int64_t last = minimum(end, first + step);
    int64_t row = 0;
    for (; row + 4 <= rows; row += 4) rowGroup<4>(weight, in, row, first, last, put);
    switch (rows - row) {
      case 1: rowGroup<1>(weight, in, row, first, last, put); break;
      case 2: rowGroup<2>(weight, in, row, first, last, put); break;
      case 3: rowGroup<3>(weight, in, row, first, last, put); break;
      default: break;
    }
  }
}

// Outputs of one task: enough bytes to be worth a claim, few enough that all threads end together.
NUWA_INLINE int64_t columnGrain(const Weight& weight, int64_t rows) {
  const int64_t bytes = weight.stride() * (weight.kind == kWeightFloat32 ? 4 : weight.kind == kWeightBfloat16 ? 2 : 1);
  const int64_t grain = (int64_t{128} << 10) / maximum(int64_t{1}, bytes * (rows > 4 ? 2 : 1));
  return maximum(int64_t{8}, grain / 8 * 8);
}

}  // namespace NUWA_ISA
}  // namespace nuwa
