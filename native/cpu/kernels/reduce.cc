// Sums in float64, column sums, argmax: fixed pieces, added in the order of the pieces.
#include "vector.h"

namespace nuwa {
namespace NUWA_ISA {

// Eight float64 accumulators; value(i) is element i.
template <typename F>
static inline double sumPiece(int64_t begin, int64_t end, const F& value) {
  double lanes[8] = {};
  int64_t i = begin;
  for (; i + 8 <= end; i += 8) {
    for (int j = 0; j < 8; j++) lanes[j] += value(i + j);
  }
  for (int j = 0; i < end; i++, j++) lanes[j] += value(i);
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

template <typename F>
static inline void sumAll(Context& context, float* out, int64_t n, const F& value) {
  const int64_t pieces = divideUp(n, kGrain);
  double* partial = static_cast<double*>(context.partial.reserve(sizeof(double) * static_cast<size_t>(pieces)));
  parallelTiles(context, pieces, [&](int64_t tile, int) {
    partial[tile] = sumPiece(tile * kGrain, minimum(n, (tile + 1) * kGrain), value);
  });
  double total = 0;
  for (int64_t i = 0; i < pieces; i++) total += partial[i];
  *out = static_cast<float>(total);
}

void sum(Context& context, float* out, const float* x, int64_t n) {
  sumAll(context, out, n, [=](int64_t i) { return static_cast<double>(x[i]); });
}

void sumOfSquares(Context& context, float* out, const float* x, int64_t n) {
  sumAll(context, out, n, [=](int64_t i) {
    const double v = x[i];
    return v * v;
  });
}

void argmax(Context& context, int32_t* out, const float* x, int64_t rows, int64_t width) {
  parallelRange(context, rows, rowGrain(width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const float* values = x + row * width;
      int64_t best = 0;
      for (int64_t i = 1; i < width; i++) {
        if (values[i] > values[best]) best = i;
      }
      out[row] = static_cast<int32_t>(best);
    }
  });
}

void columnSum(Context& context, float* out, const float* x, int64_t rows, int64_t width, bool accumulate) {
  // Each piece of rows gives one partial row; the partial rows are then added in order.
  const int64_t grain = maximum(int64_t{32}, rowGrain(width));
  const int64_t pieces = divideUp(rows, grain);
  float* partial = static_cast<float*>(context.partial.reserve(sizeof(float) * static_cast<size_t>(pieces * width)));
  parallelTiles(context, pieces, [&](int64_t piece, int) {
    float* total = partial + piece * width;
    const int64_t begin = piece * grain, end = minimum(rows, begin + grain);
    for (int64_t c = 0; c < width; c++) total[c] = 0.0f;
    for (int64_t r = begin; r < end; r++) {
      const float* row = x + r * width;
      for (int64_t c = 0; c < width; c++) total[c] += row[c];
    }
  });
  parallelRange(context, width, 1024, [&](int64_t begin, int64_t end) {
    if (!accumulate) {
      for (int64_t c = begin; c < end; c++) out[c] = 0.0f;
    }
    for (int64_t piece = 0; piece < pieces; piece++) {
      for (int64_t c = begin; c < end; c++) out[c] += partial[piece * width + c];
    }
  });
}

}  // namespace NUWA_ISA
}  // namespace nuwa
