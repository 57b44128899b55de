// exp, the normal distribution and the activations on vectors. Relative errors are below 1e-6 (see activation.test.ts).
#pragma once
#include "vector.h"

namespace nuwa {
namespace NUWA_ISA {

// Adding and taking away 1.5 * 2^23 rounds to the nearest integer.
constexpr float kRound = 12582912.0f;

// exp(x); 0 below the smallest normal float, about 2.4e38 above the largest. NaN stays NaN.
NUWA_INLINE vf exponential(vf x) {
  const vf high = splat(88.3762626647949f), low = splat(-87.33654f);
  const vf clamped = x > high ? high : (x < low ? low : x);
  const vf n = (clamped * 1.44269504088896341f + kRound) - kRound;
  // ln 2 in two parts (Cody & Waite), so that the remainder is exact.
  const vf r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  vf p = splat(1.9875691500e-4f);  // minimax on [-ln2/2, ln2/2], Cephes expf
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const vi bits = (__builtin_convertvector(n, vi) + 127) << 23;
  const vf scaled = p * reinterpret_cast<vf>(bits);
  return x < low ? vf{} : scaled;
}

struct Normal {
  vf cdf;      // P(X <= x)
  vf density;  // exp(-x^2/2)/sqrt(2 pi)
};

// 1 - cdf(|x|) = exp(-x^2/2) * q(t), t = 1/(1 + 0.3 |x|/sqrt 2): a minimax fit of erfcx/2 in t on |x| <= 14, error 2e-8.
NUWA_INLINE Normal normal(vf x) {
  const vf magnitude = x < 0.0f ? -x : x;
  const vf t = 1.0f / (1.0f + 0.212132034f * magnitude);
  const vf e = exponential(-0.5f * x * x);
  vf q = splat(-0.06476060434427965f);
  q = q * t + 0.24277748325372128f;
  q = q * t + -0.2561304823521996f;
  q = q * t + 0.273850100712071f;
  q = q * t + -0.04731837462626449f;
  q = q * t + 0.10745996230237584f;
  q = q * t + 0.07417040240345554f;
  q = q * t + 0.08535749270530404f;
  q = q * t + 0.08459401017780381f;
  const vf tail = e * (q * t);
  return {x < 0.0f ? tail : 1.0f - tail, e * 0.3989422804014327f};
}

NUWA_INLINE vf sigmoid(vf x) { return 1.0f / (1.0f + exponential(-x)); }

// tanh(x): an odd polynomial near 0 (Cephes tanhf), 1 - 2/(e^2x + 1) farther out. NaN stays NaN.
NUWA_INLINE vf hyperbolicTangent(vf x) {
  const vf z = x * x;
  vf p = splat(-5.70498872745e-3f);
  p = p * z + 2.06390887954e-2f;
  p = p * z + -5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z + -3.33332819422e-1f;
  const vf near = p * z * x + x;
  const vf magnitude = x < 0.0f ? -x : x;
  const vf far = 1.0f - 2.0f / (exponential(2.0f * magnitude) + 1.0f);
  return magnitude < 0.625f ? near : (x < 0.0f ? -far : far);
}

constexpr float kGeluA = 0.7978845608028654f;  // sqrt(2/pi)
constexpr float kGeluB = 0.044715f;

template <int Kind>
NUWA_INLINE vf activate(vf x) {
  if constexpr (Kind == kGelu) return x * normal(x).cdf;
  // tanh form (Hendrycks & Gimpel 2016): 0.5 (1 + tanh u) = sigmoid(2u)
  if constexpr (Kind == kGeluTanh) return x * sigmoid(2.0f * kGeluA * (x + kGeluB * x * x * x));
  if constexpr (Kind == kSilu) return x * sigmoid(x);
  // A comparison with NaN is false, so NaN must take the branch that keeps it.
  if constexpr (Kind == kRelu) return x <= 0.0f ? vf{} : x;
  if constexpr (Kind == kRelu2) return x <= 0.0f ? vf{} : x * x;
}

template <int Kind>
NUWA_INLINE vf activateDerivative(vf x) {
  if constexpr (Kind == kGelu) {
    const Normal n = normal(x);
    return n.cdf + x * n.density;
  }
  if constexpr (Kind == kGeluTanh) {
    const vf s = sigmoid(2.0f * kGeluA * (x + kGeluB * x * x * x));
    return s + x * s * (1.0f - s) * (2.0f * kGeluA * (1.0f + 3.0f * kGeluB * x * x));
  }
  if constexpr (Kind == kSilu) {
    const vf s = sigmoid(x);
    return s + x * s * (1.0f - s);
  }
  if constexpr (Kind == kRelu) return x <= 0.0f ? vf{} : splat(1.0f);
  if constexpr (Kind == kRelu2) return x <= 0.0f ? vf{} : 2.0f * x;
}

}  // namespace NUWA_ISA
}  // namespace nuwa
