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

void lion(Context& context, float* parameter, const float* gradient, float* m, int64_t n, double learningRate,
          double beta1, double beta2, double weightDecay, double gradientScale) {
  const float b1 = static_cast<float>(beta1), b2 = static_cast<float>(beta2);
  const float c1 = static_cast<float>(1.0 - beta1), c2 = static_cast<float>(1.0 - beta2);
  const float rate = static_cast<float>(learningRate), scale = static_cast<float>(gradientScale);
  const float decay = static_cast<float>(1.0 - learningRate * weightDecay);
  parallelRange(context, n, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const float g = gradient[i] * scale;
      const float direction = b1 * m[i] + c1 * g;
      m[i] = b2 * m[i] + c2 * g;
      // A NaN is neither above nor below 0: it must reach the parameter.
      const float sign = direction > 0.0f ? 1.0f : direction < 0.0f ? -1.0f : direction;
      parameter[i] = decay * parameter[i] - rate * sign;
    }
  });
}

void sgd(Context& context, float* parameter, const float* gradient, float* m, int64_t n, double learningRate,
         double momentum, double weightDecay, bool nesterov, bool decoupled, double gradientScale) {
  const float rate = static_cast<float>(learningRate), mu = static_cast<float>(momentum);
  const float scale = static_cast<float>(gradientScale);
  const float penalty = static_cast<float>(decoupled ? 0.0 : weightDecay);
  const float decay = static_cast<float>(decoupled ? 1.0 - learningRate * weightDecay : 1.0);
  // What the update takes of the momentum, and of the gradient beside it.
  const float ofMomentum = nesterov ? mu : 1.0f, ofGradient = nesterov ? 1.0f : 0.0f;
  parallelRange(context, n, kGrain, [&](int64_t begin, int64_t end) {
    if (m == nullptr) {
      for (int64_t i = begin; i < end; i++) {
        const float g = gradient[i] * scale + penalty * parameter[i];
        parameter[i] = decay * parameter[i] - rate * g;
      }
      return;
    }
    for (int64_t i = begin; i < end; i++) {
      const float g = gradient[i] * scale + penalty * parameter[i];
      const float mi = mu * m[i] + g;
      m[i] = mi;
      parameter[i] = decay * parameter[i] - rate * (ofMomentum * mi + ofGradient * g);
    }
  });
}

// momentum = beta momentum + (1 - beta) g; gradient = (1 - beta) g + beta momentum, with g the scaled gradient.
void nesterov(Context& context, float* momentum, float* gradient, int64_t n, double beta, double gradientScale) {
  const float b = static_cast<float>(beta), scale = static_cast<float>((1.0 - beta) * gradientScale);
  parallelRange(context, n, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const float g = scale * gradient[i], m = b * momentum[i] + g;
      momentum[i] = m;
      gradient[i] = g + b * m;
    }
  });
}

}  // namespace NUWA_ISA
}  // namespace nuwa
