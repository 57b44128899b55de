// Elementwise kernels, and dropout.
#include <type_traits>

#include "math.h"
#include "philox.h"

namespace nuwa {
namespace NUWA_ISA {

// f(i) for whole vectors at i, part(i, n) for a last piece of n < W elements.
template <typename F, typename P>
static inline void eachVector(Context& context, int64_t n, const F& whole, const P& part) {
  parallelRange(context, n, kGrain, [&](int64_t begin, int64_t end) {
    int64_t i = begin;
    for (; i + W <= end; i += W) whole(i);
    if (i < end) part(i, end - i);
  });
}

// out[i] = f(loads of i), written or added. `f` takes a loader, so that one body serves whole and part vectors.
template <typename F>
static inline void mapVector(Context& context, float* out, int64_t n, bool accumulate, const F& f) {
  if (accumulate) {
    eachVector(
        context, n,
        [&](int64_t i) { store(out + i, load(out + i) + f([&](const float* p) { return load(p + i); })); },
        [&](int64_t i, int64_t k) {
          storePart(out + i, loadPart(out + i, k) + f([&](const float* p) { return loadPart(p + i, k); }), k);
        });
  } else {
    eachVector(
        context, n, [&](int64_t i) { store(out + i, f([&](const float* p) { return load(p + i); })); },
        [&](int64_t i, int64_t k) {
          storePart(out + i, f([&](const float* p) { return loadPart(p + i, k); }), k);
        });
  }
}

// Calls f with the activation as a compile-time constant.
template <typename F>
static inline void withActivation(int kind, const F& f) {
  switch (kind) {
    case kGelu: return f(std::integral_constant<int, kGelu>{});
    case kGeluTanh: return f(std::integral_constant<int, kGeluTanh>{});
    case kSilu: return f(std::integral_constant<int, kSilu>{});
    case kRelu: return f(std::integral_constant<int, kRelu>{});
    case kRelu2: return f(std::integral_constant<int, kRelu2>{});
    default: fail("VALUE", "unknown activation %d", kind);
  }
}

void fill(Context& context, float* x, int64_t n, float value) {
  const vf v = splat(value);
  mapVector(context, x, n, false, [&](auto) { return v; });
}

void fillInt(Context& context, int32_t* x, int64_t n, int32_t value) {
  parallelRange(context, n, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) x[i] = value;
  });
}

void copy(Context& context, void* out, const void* x, int64_t bytes) {
  parallelRange(context, bytes, kGrain * 4, [&](int64_t begin, int64_t end) {
    memmove(static_cast<char*>(out) + begin, static_cast<const char*>(x) + begin, static_cast<size_t>(end - begin));
  });
}

void axpby(Context& context, float* out, const float* a, float alpha, const float* b, float beta, int64_t n) {
  if (alpha == 1.0f && beta == 1.0f) {
    mapVector(context, out, n, false, [&](auto at) { return at(a) + at(b); });
  } else {
    mapVector(context, out, n, false, [&](auto at) { return alpha * at(a) + beta * at(b); });
  }
}

// out = factor x, with the factor in memory.
void multiplyScalar(Context& context, float* out, const float* x, const float* factor, int64_t n) {
  axpby(context, out, x, *factor, x, 0.0f, n);
}

// out = x / (√squares + epsilon)
void normalize(Context& context, float* out, const float* x, const float* squares, int64_t n, double epsilon) {
  const double inverse = 1.0 / (__builtin_sqrt(static_cast<double>(*squares)) + epsilon);
  axpby(context, out, x, static_cast<float>(inverse), x, 0.0f, n);
}

// parameter = keep parameter + rate update, unless the scale of the gradients is 0.
void applyUpdate(Context& context, float* parameter, const float* update, const float* scale, int64_t n, double keep,
                 double rate) {
  if (scale != nullptr && *scale == 0.0f) return;
  axpby(context, parameter, parameter, static_cast<float>(keep), update, static_cast<float>(rate), n);
}

void multiply(Context& context, float* out, const float* a, const float* b, int64_t n, bool accumulate) {
  mapVector(context, out, n, accumulate, [&](auto at) { return at(a) * at(b); });
}

void activation(Context& context, float* out, const float* x, int64_t n, int kind) {
  withActivation(kind, [&](auto k) {
    mapVector(context, out, n, false, [&](auto at) { return activate<decltype(k)::value>(at(x)); });
  });
}

void activationBackward(Context& context, float* dx, const float* dout, const float* x, int64_t n, int kind,
                        bool accumulate) {
  withActivation(kind, [&](auto k) {
    mapVector(context, dx, n, accumulate,
              [&](auto at) { return at(dout) * activateDerivative<decltype(k)::value>(at(x)); });
  });
}

void gated(Context& context, float* out, const float* gate, const float* up, int64_t n, int kind) {
  withActivation(kind, [&](auto k) {
    mapVector(context, out, n, false, [&](auto at) { return activate<decltype(k)::value>(at(gate)) * at(up); });
  });
}

void gatedBackward(Context& context, float* dgate, float* dup, const float* dout, const float* gate, const float* up,
                   int64_t n, int kind) {
  withActivation(kind, [&](auto k) {
    constexpr int Kind = decltype(k)::value;
    eachVector(
        context, n,
        [&](int64_t i) {
          const vf g = load(gate + i), d = load(dout + i), u = load(up + i);
          store(dgate + i, d * u * activateDerivative<Kind>(g));
          store(dup + i, d * activate<Kind>(g));
        },
        [&](int64_t i, int64_t r) {
          const vf g = loadPart(gate + i, r), d = loadPart(dout + i, r), u = loadPart(up + i, r);
          storePart(dgate + i, d * u * activateDerivative<Kind>(g), r);
          storePart(dup + i, d * activate<Kind>(g), r);
        });
  });
}

void dropout(Context& context, float* out, const float* x, int64_t n, double p, uint32_t seed0, uint32_t seed1,
             uint32_t counter1, uint32_t counter2, uint32_t counter3, bool accumulate) {
  const Dropout drop(p, seed0, seed1, counter1, counter2, counter3);
  static_assert(kGrain % (4 * kLanes) == 0, "pieces start at whole groups");
  parallelRange(context, n, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t base = begin; base < end; base += 4 * kLanes) {
      float mask[4 * kLanes];
      drop.factors(mask, base / 4);
      const int64_t count = minimum(end - base, int64_t{4 * kLanes});
      for (int64_t i = 0; i < count; i++) {
        const float kept = mask[i] == 0.0f ? 0.0f : x[base + i] * mask[i];
        out[base + i] = accumulate ? out[base + i] + kept : kept;
      }
    }
  });
}

}  // namespace NUWA_ISA
}  // namespace nuwa
