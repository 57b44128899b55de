// Mixture of experts: choosing experts, grouping rows by expert, one product a group, and putting rows back together.
#include "columns.h"

namespace nuwa {
namespace NUWA_ISA {

void topK(Context& context, int32_t* ids, const float* x, int64_t rows, int64_t width, int64_t count) {
  parallelRange(context, rows, rowGrain(width * count), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const float* values = x + row * width;
      int32_t* chosen = ids + row * count;
      for (int64_t k = 0; k < count; k++) {
        int64_t best = -1;
        for (int64_t i = 0; i < width; i++) {
          bool taken = false;
          for (int64_t j = 0; j < k; j++) taken = taken || chosen[j] == i;
          if (!taken && (best < 0 || values[i] > values[best])) best = i;
        }
        chosen[k] = static_cast<int32_t>(best);
      }
    }
  });
}

// A counting sort, stable in the order of the rows. It is short beside the products, and runs on the calling thread.
void groupRows(Context& context, int32_t* tokens, int32_t* position, int32_t* offsets, float* shares, const int32_t* ids,
               int64_t rows, int64_t choices, int64_t experts, int64_t capacity) {
  const int64_t slots = rows * choices;
  for (int64_t e = 0; e <= experts; e++) offsets[e] = 0;
  for (int64_t s = 0; s < slots; s++) {
    if (ids[s] < 0 || ids[s] >= experts) {
      fail("VALUE", "groupRows: expected experts from 0 to %lld, got %d", static_cast<long long>(experts - 1), ids[s]);
    }
    offsets[ids[s] + 1]++;
  }
  for (int64_t e = 0; e < experts; e++) {
    shares[e] = static_cast<float>(offsets[e + 1]) / static_cast<float>(rows);
    offsets[e + 1] = static_cast<int32_t>(minimum(offsets[e + 1], capacity)) + offsets[e];
  }
  int32_t* next = static_cast<int32_t*>(context.partial.reserve(sizeof(int32_t) * static_cast<size_t>(experts)));
  for (int64_t e = 0; e < experts; e++) next[e] = offsets[e];
  int32_t dropped = offsets[experts];
  for (int64_t s = 0; s < slots; s++) {
    const int32_t e = ids[s];
    const bool fits = next[e] < offsets[e + 1];
    const int32_t at = fits ? next[e]++ : dropped++;
    tokens[at] = static_cast<int32_t>(s / choices);
    position[s] = fits ? at : -1;
  }
}

void combineRows(Context& context, float* out, const float* y, const float* weights, const int32_t* position,
                 int64_t rows, int64_t choices, int64_t width, bool accumulate) {
  parallelRange(context, rows, rowGrain(width * choices), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      float* to = out + row * width;
      if (!accumulate) memset(to, 0, sizeof(float) * static_cast<size_t>(width));
      for (int64_t s = row * choices; s < (row + 1) * choices; s++) {
        if (position[s] < 0) continue;
        const float weight = weights == nullptr ? 1.0f : weights[s];
        const float* from = y + position[s] * width;
        eachColumn(0, width, [&](auto v) { v.put(to, v.get(to) + weight * v.get(from)); });
      }
    }
  });
}

void combineRowsBackward(Context& context, float* dy, float* dweights, const float* dout, const float* y,
                         const float* weights, const int32_t* position, int64_t rows, int64_t choices, int64_t width) {
  parallelRange(context, rows, rowGrain(width * choices), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const float* d = dout + row * width;
      for (int64_t s = row * choices; s < (row + 1) * choices; s++) {
        if (position[s] < 0) {
          dweights[s] = 0.0f;
          continue;
        }
        const float weight = weights[s];
        const float* from = y + position[s] * width;
        float* to = dy + position[s] * width;
        vf total = {};
        eachColumn(0, width, [&](auto v) {
          total += v.get(d) * v.get(from);
          v.put(to, weight * v.get(d));
        });
        dweights[s] = sumLanes(total);
      }
    }
  });
}

void groupedGemm(Context& context, float* out, const float* a, const float* b, const int32_t* offsets,
                 int64_t experts, int64_t inputs, int64_t outputs, int kind, bool accumulate) {
  for (int64_t e = 0; e < experts; e++) {
    const int64_t first = offsets[e], rows = offsets[e + 1] - first, matrix = e * inputs * outputs;
    switch (kind) {
      case kGroupedForward:
        gemm(context, out + first * outputs, a + first * inputs, b + matrix, nullptr, rows, outputs, inputs, false,
             true, accumulate);
        break;
      case kGroupedInput:
        gemm(context, out + first * inputs, a + first * outputs, b + matrix, nullptr, rows, inputs, outputs, false,
             false, accumulate);
        break;
      default:
        gemm(context, out + matrix, a + first * outputs, b + first * inputs, nullptr, outputs, inputs, rows, true,
             false, accumulate);
    }
  }
}

}  // namespace NUWA_ISA
}  // namespace nuwa
