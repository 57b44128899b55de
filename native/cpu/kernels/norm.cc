// LayerNorm (Ba et al. 2016) and RMSNorm (Zhang & Sennrich 2019) over the last axis, forward and backward.
#include "vector.h"

namespace nuwa {
namespace NUWA_ISA {

// Σ f(i) over a row: two vector accumulators, then the rest.
template <typename F>
NUWA_INLINE float sumRow(int64_t width, const F& f) {
  vf a = {}, b = {};
  int64_t i = 0;
  for (; i + 2 * W <= width; i += 2 * W) {
    a += f(i, [](const float* p, float = 0.0f) { return load(p); });
    b += f(i + W, [](const float* p, float = 0.0f) { return load(p); });
  }
  for (; i < width; i += W) {
    const int64_t n = minimum(int64_t{W}, width - i);
    a += f(i, [n](const float* p, float rest = 0.0f) { return n == W ? load(p) : loadPart(p, n, rest); });
  }
  return sumLanes(a + b);
}

// out[i] = f(i) over a row, written or added.
template <typename F>
NUWA_INLINE void mapRow(float* out, int64_t width, bool accumulate, const F& f) {
  int64_t i = 0;
  for (; i + W <= width; i += W) {
    const vf v = f(i, [](const float* p, float = 0.0f) { return load(p); });
    store(out + i, accumulate ? load(out + i) + v : v);
  }
  if (i < width) {
    const int64_t n = width - i;
    const vf v = f(i, [n](const float* p, float rest = 0.0f) { return loadPart(p, n, rest); });
    storePart(out + i, accumulate ? loadPart(out + i, n) + v : v, n);
  }
}

void layerNorm(Context& context, float* out, float* mean, float* rstd, const float* x, const float* weight,
               const float* bias, int64_t rows, int64_t width, float epsilon) {
  const float inverse = 1.0f / static_cast<float>(width);
  parallelRange(context, rows, rowGrain(width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const float* in = x + row * width;
      const float m = inverse * sumRow(width, [&](int64_t i, auto at) { return at(in + i); });
      // Two passes: the difference of squares would lose the variance of rows with a large mean. Lanes past the end
      // hold the mean and count nothing.
      const float squares = sumRow(width, [&](int64_t i, auto at) {
        const vf d = at(in + i, m) - m;
        return d * d;
      });
      const float r = 1.0f / __builtin_sqrtf(squares * inverse + epsilon);
      mean[row] = m;
      rstd[row] = r;
      mapRow(out + row * width, width, false, [&](int64_t i, auto at) {
        vf v = (at(in + i) - m) * r;
        if (weight != nullptr) v *= at(weight + i);
        if (bias != nullptr) v += at(bias + i);
        return v;
      });
    }
  });
}

void rmsNorm(Context& context, float* out, float* rstd, const float* x, const float* weight, int64_t rows,
             int64_t width, float epsilon) {
  const float inverse = 1.0f / static_cast<float>(width);
  parallelRange(context, rows, rowGrain(width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const float* in = x + row * width;
      const float squares = sumRow(width, [&](int64_t i, auto at) {
        const vf v = at(in + i);
        return v * v;
      });
      const float r = 1.0f / __builtin_sqrtf(squares * inverse + epsilon);
      rstd[row] = r;
      mapRow(out + row * width, width, false, [&](int64_t i, auto at) {
        vf v = at(in + i) * r;
        if (weight != nullptr) v *= at(weight + i);
        return v;
      });
    }
  });
}

// Both backwards: with x̂ = (x - mean) rstd and g = dout ⊙ weight,
// dx = rstd (g - mean(g) - x̂ mean(g x̂)); RMSNorm lacks the mean(g) term. dweight = Σ dout x̂, dbias = Σ dout.
template <bool Centred>
static inline void normBackward(Context& context, float* dx, float* dweight, float* dbias, const float* dout,
                                const float* x, const float* weight, const float* mean, const float* rstd,
                                int64_t rows, int64_t width, bool accumulateX, bool accumulateParameters) {
  const float inverse = 1.0f / static_cast<float>(width);
  const bool wantsParameters = dweight != nullptr || dbias != nullptr;
  const int64_t grain = maximum(int64_t{32}, rowGrain(width));
  const int64_t pieces = divideUp(rows, grain);
  // Per piece: a row of dweight, then a row of dbias.
  const int64_t stride = roundUp(2 * width, 16);
  float* partial =
      wantsParameters
          ? static_cast<float*>(context.partial.reserve(sizeof(float) * static_cast<size_t>(pieces * stride)))
          : nullptr;
  float* scratch = context.perThread(width);
  const int64_t scratchStride = context.perThreadStride();
  parallelTiles(context, pieces, [&](int64_t piece, int thread) {
    float* weighted = scratch + thread * scratchStride;
    const int64_t begin = piece * grain, end = minimum(rows, begin + grain);
    float* pweight = wantsParameters ? partial + piece * stride : nullptr;
    float* pbias = wantsParameters ? pweight + width : nullptr;
    if (wantsParameters) memset(pweight, 0, sizeof(float) * static_cast<size_t>(2 * width));
    for (int64_t row = begin; row < end; row++) {
      const float* in = x + row * width;
      const float* d = dout + row * width;
      const float m = Centred ? mean[row] : 0.0f;
      const float r = rstd[row];
      // Kept in memory, because a product fused into g - mean(g) would leave its rounding error where 0 is due.
      const float* g = d;
      if (weight != nullptr) {
        mapRow(weighted, width, false, [&](int64_t i, auto at) { return at(d + i) * at(weight + i); });
        g = weighted;
      }
      const float meanG = Centred ? inverse * sumRow(width, [&](int64_t i, auto at) { return at(g + i); }) : 0.0f;
      const float meanGx =
          inverse * sumRow(width, [&](int64_t i, auto at) { return at(g + i) * ((at(in + i) - m) * r); });
      mapRow(dx + row * width, width, accumulateX, [&](int64_t i, auto at) {
        return r * (at(g + i) - meanG - (at(in + i) - m) * r * meanGx);
      });
      if (dweight != nullptr) {
        mapRow(pweight, width, true, [&](int64_t i, auto at) { return at(d + i) * ((at(in + i) - m) * r); });
      }
      if (dbias != nullptr) mapRow(pbias, width, true, [&](int64_t i, auto at) { return at(d + i); });
    }
  });
  if (!wantsParameters) return;
  const auto reduce = [&](float* out, int64_t shift, int64_t begin, int64_t end) {
    if (!accumulateParameters) {
      for (int64_t c = begin; c < end; c++) out[c] = 0.0f;
    }
    for (int64_t piece = 0; piece < pieces; piece++) {
      const float* from = partial + piece * stride + shift;
      for (int64_t c = begin; c < end; c++) out[c] += from[c];
    }
  };
  parallelRange(context, width, 1024, [&](int64_t begin, int64_t end) {
    if (dweight != nullptr) reduce(dweight, 0, begin, end);
    if (dbias != nullptr) reduce(dbias, width, begin, end);
  });
}

void layerNormBackward(Context& context, float* dx, float* dweight, float* dbias, const float* dout, const float* x,
                       const float* weight, const float* mean, const float* rstd, int64_t rows, int64_t width,
                       bool accumulateX, bool accumulateParameters) {
  normBackward<true>(context, dx, dweight, dbias, dout, x, weight, mean, rstd, rows, width, accumulateX,
                     accumulateParameters);
}

void rmsNormBackward(Context& context, float* dx, float* dweight, const float* dout, const float* x,
                     const float* weight, const float* rstd, int64_t rows, int64_t width, bool accumulateX,
                     bool accumulateParameters) {
  normBackward<false>(context, dx, dweight, nullptr, dout, x, weight, nullptr, rstd, rows, width, accumulateX,
                      accumulateParameters);
}

}  // namespace NUWA_ISA
}  // namespace nuwa
