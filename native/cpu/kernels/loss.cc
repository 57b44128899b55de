// Softmax cross-entropy over rows of logits, the gradient written in place of the logits.
#include "math.h"

namespace nuwa {
namespace NUWA_ISA {

static void checkTargets(const int32_t* targets, int64_t rows, int64_t vocabulary) {
  for (int64_t row = 0; row < rows; row++) {
    if (targets[row] >= vocabulary) {
      fail("VALUE", "crossEntropy: expected targets below %lld, got %d at row %lld",
           static_cast<long long>(vocabulary), targets[row], static_cast<long long>(row));
    }
  }
}

void crossEntropy(Context& context, float* losses, float* logits, const int32_t* targets, const float* weights,
                  int64_t rows, int64_t vocabulary, bool wantsGradient, float gradientScale, float labelSmoothing,
                  float zLoss) {
  checkTargets(targets, rows, vocabulary);
  const float lowest = -__builtin_inff();
  parallelRange(context, rows, rowGrain(vocabulary), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      float* x = logits + row * vocabulary;
      const float weight = targets[row] < 0 ? 0.0f : (weights == nullptr ? 1.0f : weights[row]);
      if (weight == 0.0f) {  // The row takes no part: no exponentials for it.
        losses[row] = 0.0f;
        if (wantsGradient) memset(x, 0, sizeof(float) * static_cast<size_t>(vocabulary));
        continue;
      }
      const int64_t whole = vocabulary / W * W, rest = vocabulary - whole;
      vf top = splat(lowest);
      for (int64_t i = 0; i < whole; i += W) top = maximum(load(x + i), top);
      if (rest != 0) top = maximum(loadPart(x + whole, rest, lowest), top);
      const float largest = maxLanes(top);
      // Label smoothing: the mean of x - largest over the vocabulary.
      float mean = 0.0f;
      if (labelSmoothing != 0.0f) {
        vf shifted = {};
        for (int64_t i = 0; i < whole; i += W) shifted += load(x + i) - largest;
        if (rest != 0) shifted += loadPart(x + whole, rest, largest) - largest;
        mean = sumLanes(shifted) / static_cast<float>(vocabulary);
      }
      // The target is summed apart: p - 1 = -others / total keeps its digits when p is nearly 1, as log1p does below.
      const float target = x[targets[row]];
      x[targets[row]] = lowest;
      vf total = {};
      for (int64_t i = 0; i < whole; i += W) {
        const vf e = exponential(load(x + i) - largest);
        if (wantsGradient) store(x + i, e);
        total += e;
      }
      if (rest != 0) {
        const vf e = exponential(loadPart(x + whole, rest, lowest) - largest);
        if (wantsGradient) storePart(x + whole, e, rest);
        total += e;
      }
      const float others = sumLanes(total), own = exponential(splat(target - largest))[0];
      const float denominator = others + own;
      const float logDenominator = target == largest ? __builtin_log1pf(others) : __builtin_logf(denominator);
      const float logSumExp = largest + logDenominator;
      float loss = logDenominator - (target - largest);
      if (labelSmoothing != 0.0f) loss = (1.0f - labelSmoothing) * loss + labelSmoothing * (logDenominator - mean);
      losses[row] = weight * (loss + zLoss * logSumExp * logSumExp);
      if (!wantsGradient) continue;
      const float scale = weight * gradientScale, uniform = labelSmoothing / static_cast<float>(vocabulary);
      const float slopeZ = 2.0f * zLoss * logSumExp;
      const vf factor = splat(scale * (1.0f + slopeZ) / denominator), less = splat(scale * uniform);
      for (int64_t i = 0; i < whole; i += W) store(x + i, load(x + i) * factor - less);
      if (rest != 0) storePart(x + whole, loadPart(x + whole, rest) * factor - less, rest);
      x[targets[row]] = scale * (slopeZ * (own / denominator) + (labelSmoothing - uniform) - others / denominator);
    }
  });
}

}  // namespace NUWA_ISA
}  // namespace nuwa
