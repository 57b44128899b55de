// Functions of one variable, and softmax over rows.
#include <type_traits>

#include "columns.h"

namespace nuwa {
namespace NUWA_ISA {

namespace {

// log runs lane by lane: it is rare beside exp, and the library's is right to the last bit or so.
NUWA_INLINE vf logarithm(vf x) {
  float lanes[W];
  store(lanes, x);
  for (int i = 0; i < W; i++) lanes[i] = __builtin_logf(lanes[i]);
  return load(lanes);
}

// log sigmoid(x) = min(x, 0) - log(1 + e^-|x|)
NUWA_INLINE vf logSigmoid(vf x) {
  float lanes[W];
  store(lanes, exponential(x < 0.0f ? x : -x));
  for (int i = 0; i < W; i++) lanes[i] = __builtin_log1pf(lanes[i]);
  return (x > 0.0f ? vf{} : x) - load(lanes);
}

template <int Kind>
NUWA_INLINE vf value(vf x) {
  if constexpr (Kind == kTanh) return hyperbolicTangent(x);
  if constexpr (Kind == kSigmoid) return sigmoid(x);
  if constexpr (Kind == kExp) return exponential(x);
  if constexpr (Kind == kLog) return logarithm(x);
  if constexpr (Kind == kLogSigmoid) return logSigmoid(x);
  if constexpr (Kind == kSquare) return x * x;
}

template <int Kind>
NUWA_INLINE vf derivative(vf x) {
  if constexpr (Kind == kTanh) {
    // 1 - tanh² = 4σ(2x)σ(-2x) keeps its digits far out.
    return 4.0f * sigmoid(2.0f * x) * sigmoid(-2.0f * x);
  }
  if constexpr (Kind == kSigmoid) return sigmoid(x) * sigmoid(-x);
  if constexpr (Kind == kExp) return exponential(x);
  if constexpr (Kind == kLog) return 1.0f / x;
  if constexpr (Kind == kLogSigmoid) return sigmoid(-x);
  if constexpr (Kind == kSquare) return 2.0f * x;
}

template <typename F>
void withKind(int kind, const F& f) {
  switch (kind) {
    case kTanh: return f(std::integral_constant<int, kTanh>{});
    case kSigmoid: return f(std::integral_constant<int, kSigmoid>{});
    case kExp: return f(std::integral_constant<int, kExp>{});
    case kLog: return f(std::integral_constant<int, kLog>{});
    case kLogSigmoid: return f(std::integral_constant<int, kLogSigmoid>{});
    case kSquare: return f(std::integral_constant<int, kSquare>{});
    default: fail("VALUE", "unknown function %d", kind);
  }
}

struct RowSums {
  float largest, total;
};

// The largest element of a row, and the sum of e^(x - largest); e^(x - largest) is kept in `out` when it is given.
NUWA_INLINE RowSums sumsOf(const float* x, float* out, int64_t width) {
  const float lowest = -__builtin_inff();
  const int64_t whole = width / W * W, rest = width - whole;
  vf top = splat(lowest);
  for (int64_t i = 0; i < whole; i += W) top = maximum(load(x + i), top);
  if (rest != 0) top = maximum(loadPart(x + whole, rest, lowest), top);
  const float largest = maxLanes(top);
  vf total = {};
  for (int64_t i = 0; i < whole; i += W) {
    const vf e = exponential(load(x + i) - largest);
    if (out != nullptr) store(out + i, e);
    total += e;
  }
  if (rest != 0) {
    const vf e = exponential(loadPart(x + whole, rest, lowest) - largest);
    if (out != nullptr) storePart(out + whole, e, rest);
    total += e;
  }
  return {largest, sumLanes(total)};
}

template <typename F>
void eachRow(Context& context, int64_t rows, int64_t width, const F& body) {
  parallelRange(context, rows, rowGrain(width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) body(row);
  });
}

}  // namespace

void unary(Context& context, float* out, const float* x, int64_t n, int kind) {
  withKind(kind, [&](auto k) {
    parallelRange(context, n, kGrain, [&](int64_t begin, int64_t end) {
      eachColumn(begin, end, [&](auto v) { v.put(out, value<decltype(k)::value>(v.get(x))); });
    });
  });
}

void unaryBackward(Context& context, float* dx, const float* dout, const float* x, int64_t n, int kind,
                   bool accumulate) {
  withKind(kind, [&](auto k) {
    parallelRange(context, n, kGrain, [&](int64_t begin, int64_t end) {
      eachColumn(begin, end, [&](auto v) {
        const vf own = v.get(dout) * derivative<decltype(k)::value>(v.get(x));
        v.put(dx, accumulate ? v.get(dx) + own : own);
      });
    });
  });
}

void softmax(Context& context, float* out, const float* x, int64_t rows, int64_t width, bool logarithmic) {
  eachRow(context, rows, width, [&](int64_t row) {
    const float* from = x + row * width;
    float* to = out + row * width;
    const RowSums sums = sumsOf(from, logarithmic ? nullptr : to, width);
    if (logarithmic) {
      const float less = __builtin_logf(sums.total);
      eachColumn(0, width, [&](auto v) { v.put(to, (v.get(from) - sums.largest) - less); });
    } else {
      const float factor = 1.0f / sums.total;
      eachColumn(0, width, [&](auto v) { v.put(to, v.get(to) * factor); });
    }
  });
}

void softmaxBackward(Context& context, float* dx, const float* dout, const float* out, int64_t rows, int64_t width,
                     bool logarithmic, bool accumulate) {
  eachRow(context, rows, width, [&](int64_t row) {
    const float *d = dout + row * width, *y = out + row * width;
    float* to = dx + row * width;
    vf lanes = {};
    eachColumn(0, width, [&](auto v) { lanes += logarithmic ? v.get(d) : v.get(d) * v.get(y); });
    const float total = sumLanes(lanes);
    eachColumn(0, width, [&](auto v) {
      const vf own = logarithmic ? v.get(d) - exponential(v.get(y)) * total : v.get(y) * (v.get(d) - total);
      v.put(to, accumulate ? v.get(to) + own : own);
    });
  });
}

void logSumExp(Context& context, float* out, const float* x, int64_t rows, int64_t width) {
  eachRow(context, rows, width, [&](int64_t row) {
    const RowSums sums = sumsOf(x + row * width, nullptr, width);
    out[row] = sums.largest + __builtin_logf(sums.total);
  });
}

void logSumExpBackward(Context& context, float* dx, const float* dout, const float* x, const float* out, int64_t rows,
                       int64_t width, bool accumulate) {
  eachRow(context, rows, width, [&](int64_t row) {
    const float* from = x + row * width;
    float* to = dx + row * width;
    const float upstream = dout[row], lse = out[row];
    eachColumn(0, width, [&](auto v) {
      const vf own = exponential(v.get(from) - lse) * upstream;
      v.put(to, accumulate ? v.get(to) + own : own);
    });
  });
}

}  // namespace NUWA_ISA
}  // namespace nuwa
