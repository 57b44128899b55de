// Moving and summing along axes. Shapes are (outer, size, inner); elements are four bytes, floats or integers.
#include "columns.h"

namespace nuwa {
namespace NUWA_ISA {

void copyBlocks(Context& context, float* out, const float* x, int64_t count, int64_t length, int64_t outStride,
                int64_t xStride, bool accumulate) {
  // Long blocks are cut, short ones are taken together.
  const int64_t pieces = maximum(int64_t{1}, divideUp(length, kGrain)), size = divideUp(length, pieces);
  parallelRange(context, count * pieces, rowGrain(size), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; task++) {
      const int64_t first = task % pieces * size, n = minimum(size, length - first);
      if (n <= 0) continue;
      float* to = out + task / pieces * outStride + first;
      const float* from = x + task / pieces * xStride + first;
      if (accumulate) eachColumn(0, n, [&](auto v) { v.put(to, v.get(to) + v.get(from)); });
      else memcpy(to, from, sizeof(float) * static_cast<size_t>(n));
    }
  });
}

void swapAxes(Context& context, float* out, const float* x, int64_t outer, int64_t first, int64_t middle,
              int64_t second, int64_t inner) {
  // One task writes out[o][b][m], all of `first` and `inner`.
  parallelRange(context, outer * second * middle, rowGrain(first * inner), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; task++) {
      const int64_t m = task % middle, b = task / middle % second, o = task / middle / second;
      float* to = out + task * first * inner;
      const float* from = x + ((o * first * middle + m) * second + b) * inner;
      const int64_t stride = middle * second * inner;
      if (inner == 1) {
        for (int64_t a = 0; a < first; a++) memcpy(to + a, from + a * stride, sizeof(float));
      } else {
        for (int64_t a = 0; a < first; a++) {
          memcpy(to + a * inner, from + a * stride, sizeof(float) * static_cast<size_t>(inner));
        }
      }
    }
  });
}

static void checkPicks(const int32_t* ids, int64_t n, int64_t size) {
  for (int64_t i = 0; i < n; i++) {
    if (ids[i] < 0 || ids[i] >= size) {
      fail("VALUE", "gather: expected indices from 0 to %lld, got %d", static_cast<long long>(size - 1), ids[i]);
    }
  }
}

void gather(Context& context, float* out, const float* x, const int32_t* ids, int64_t outer, int64_t size,
            int64_t picks, int64_t inner) {
  checkPicks(ids, outer * picks * inner, size);
  parallelRange(context, outer, rowGrain(picks * inner), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; o++) {
      for (int64_t i = 0; i < picks * inner; i++) {
        const int64_t at = o * picks * inner + i;
        out[at] = x[(o * size + ids[at]) * inner + i % inner];
      }
    }
  });
}

void gatherBackward(Context& context, float* dx, const float* dout, const int32_t* ids, int64_t outer, int64_t size,
                    int64_t picks, int64_t inner) {
  checkPicks(ids, outer * picks * inner, size);
  parallelRange(context, outer, rowGrain(picks * inner), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; o++) {
      for (int64_t i = 0; i < picks * inner; i++) {
        const int64_t at = o * picks * inner + i;
        dx[(o * size + ids[at]) * inner + i % inner] += dout[at];
      }
    }
  });
}

void sumAxis(Context& context, float* out, const float* x, int64_t outer, int64_t size, int64_t inner, float scale) {
  if (inner == 1) {
    parallelRange(context, outer, rowGrain(size), [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; o++) {
        const float* from = x + o * size;
        double lanes[8] = {};
        int64_t i = 0;
        for (; i + 8 <= size; i += 8) {
          for (int j = 0; j < 8; j++) lanes[j] += static_cast<double>(from[i + j]);
        }
        for (int j = 0; i < size; i++, j++) lanes[j] += static_cast<double>(from[i]);
        const double total = ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
        out[o] = static_cast<float>(total * static_cast<double>(scale));
      }
    });
    return;
  }
  constexpr int64_t kWidth = 256;
  const int64_t pieces = divideUp(inner, kWidth);
  parallelRange(context, outer * pieces, rowGrain(size * minimum(inner, kWidth)), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; task++) {
      const int64_t o = task / pieces, first = task % pieces * kWidth, n = minimum(kWidth, inner - first);
      double total[kWidth] = {};
      for (int64_t s = 0; s < size; s++) {
        const float* from = x + (o * size + s) * inner + first;
        for (int64_t i = 0; i < n; i++) total[i] += static_cast<double>(from[i]);
      }
      for (int64_t i = 0; i < n; i++) out[o * inner + first + i] = static_cast<float>(total[i] * static_cast<double>(scale));
    }
  });
}

void broadcastAxis(Context& context, float* out, const float* x, int64_t outer, int64_t size, int64_t inner,
                   float scale, bool accumulate) {
  if (inner == 1) {
    parallelRange(context, outer, rowGrain(size), [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; o++) {
        const vf own = splat(x[o] * scale);
        float* to = out + o * size;
        eachColumn(0, size, [&](auto v) { v.put(to, accumulate ? v.get(to) + own : own); });
      }
    });
    return;
  }
  parallelRange(context, outer * size, rowGrain(inner), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; task++) {
      float* to = out + task * inner;
      const float* from = x + task / size * inner;
      eachColumn(0, inner, [&](auto v) {
        const vf own = v.get(from) * scale;
        v.put(to, accumulate ? v.get(to) + own : own);
      });
    }
  });
}

}  // namespace NUWA_ISA
}  // namespace nuwa
