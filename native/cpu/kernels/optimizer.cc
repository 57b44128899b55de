// Optimizer steps, one pass over the parameter.
#include <cmath>

#include "vector.h"

namespace nuwa {
namespace NUWA_ISA {

void adamW(Context& context, float* parameter, const float* gradient, float* m, float* v, int64_t n,
           double learningRate, double beta1, double beta2, double epsilon, double weightDecay, double step,
           double gradientScale) {
  const float b1 = static_cast<float>(beta1), b2 = static_cast<float>(beta2);
  const float c1 = static_cast<float>(1.0 - beta1), c2 = static_cast<float>(1.0 - beta2);
  // lr m̂ / (√v̂ + ε) = rate m / (√v inverseRoot + ε)
  const float rate = static_cast<float>(learningRate / (1.0 - std::pow(beta1, step)));
  const float inverseRoot = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(beta2, step)));
  const float decay = static_cast<float>(1.0 - learningRate * weightDecay);
  const float e = static_cast<float>(epsilon), scale = static_cast<float>(gradientScale);
  parallelRange(context, n, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const float g = gradient[i] * scale;
      const float mi = b1 * m[i] + c1 * g;
      const float vi = b2 * v[i] + c2 * g * g;
      m[i] = mi;
      v[i] = vi;
      parameter[i] = decay * parameter[i] - rate * mi / (__builtin_sqrtf(vi) * inverseRoot + e);
    }
  });
}

}  // namespace NUWA_ISA
}  // namespace nuwa
