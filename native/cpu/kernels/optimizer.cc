// Optimizer steps, one pass over the parameter. `scale` points to what gradients are multiplied by first, null for 1;
// where it is 0 the step must not be taken, and nothing changes.
#include <cmath>

#include "vector.h"

namespace nuwa {
namespace NUWA_ISA {

static inline float gradientFactor(const float* scale) { return scale == nullptr ? 1.0f : *scale; }

// The norm of gradients whose sums of squares are `squares`, and what to multiply them by so that it is at most maxNorm:
// out = norm, factor, whether that and all of `values` are finite. The factor is 0 where they are not.
void clipGradients(Context&, float* out, const float* values, int64_t count, const float* squares, int64_t parts,
                   double maxNorm) {
  double total = 0;
  for (int64_t i = 0; i < parts; i++) total += squares[i];
  const double norm = std::sqrt(total);
  bool finite = std::isfinite(norm);
  for (int64_t i = 0; i < count; i++) finite = finite && std::isfinite(values[i]);
  const double factor = maxNorm / (norm + 1e-6);
  out[0] = static_cast<float>(norm);
  out[1] = !finite ? 0.0f : factor < 1.0 ? static_cast<float>(factor) : 1.0f;
  out[2] = finite ? 1.0f : 0.0f;
}

void adamW(Context& context, float* parameter, const float* gradient, float* m, float* v, const float* gradientScale,
           int64_t n, double learningRate, double beta1, double beta2, double epsilon, double weightDecay, double step) {
  const float scale = gradientFactor(gradientScale);
  if (scale == 0.0f) return;
  const float b1 = static_cast<float>(beta1), b2 = static_cast<float>(beta2);
  const float c1 = static_cast<float>(1.0 - beta1), c2 = static_cast<float>(1.0 - beta2);
  // lr m̂ / (√v̂ + ε) = rate m / (√v inverseRoot + ε)
  const float rate = static_cast<float>(learningRate / (1.0 - std::pow(beta1, step)));
  const float inverseRoot = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(beta2, step)));
  const float decay = static_cast<float>(1.0 - learningRate * weightDecay);
  const float e = static_cast<float>(epsilon);
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

void lion(Context& context, float* parameter, const float* gradient, float* m, const float* gradientScale, int64_t n,
          double learningRate, double beta1, double beta2, double weightDecay) {
  const float scale = gradientFactor(gradientScale);
  if (scale == 0.0f) return;
  const float b1 = static_cast<float>(beta1), b2 = static_cast<float>(beta2);
  const float c1 = static_cast<float>(1.0 - beta1), c2 = static_cast<float>(1.0 - beta2);
  const float rate = static_cast<float>(learningRate);
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

void sgd(Context& context, float* parameter, const float* gradient, float* m, const float* gradientScale, int64_t n,
         double learningRate, double momentum, double weightDecay, bool nesterov, bool decoupled) {
  const float scale = gradientFactor(gradientScale);
  if (scale == 0.0f) return;
  const float rate = static_cast<float>(learningRate), mu = static_cast<float>(momentum);
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
void nesterov(Context& context, float* momentum, float* gradient, const float* gradientScale, int64_t n, double beta) {
  const double factor = gradientFactor(gradientScale);
  if (factor == 0.0) return;
  const float b = static_cast<float>(beta), scale = static_cast<float>((1.0 - beta) * factor);
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
