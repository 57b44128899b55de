// The next token, drawn from one row of logits. Names and order of the settings as in src/generate/sampler.ts.
#include <algorithm>
#include <cmath>
#include <limits>

#include "vector.h"

namespace nuwa {
namespace NUWA_ISA {

namespace {

// Tokens by weight, largest first and equal ones by id; sorted only as far as somebody looks.
struct Ranking {
  const double* scores;
  int32_t* order;
  int64_t candidates, sorted = 0;

  bool before(int32_t a, int32_t b) const { return scores[a] > scores[b] || (scores[a] == scores[b] && a < b); }

  // The first `count` are in order afterwards.
  void sortUpTo(int64_t count) {
    if (count <= sorted) return;
    const int64_t end = minimum(candidates, maximum(count, maximum(int64_t{64}, 4 * sorted)));
    const auto less = [this](int32_t a, int32_t b) { return before(a, b); };
    if (end < candidates) std::nth_element(order + sorted, order + end, order + candidates, less);
    std::sort(order + sorted, order + end, less);
    sorted = end;
  }
};

}  // namespace

// Repetition penalty on the distinct ids of `history`, temperature (0 takes the largest), top-k (0 for all), top-p,
// min-p; `uniform` in [0, 1) chooses. The id is -1 when no logit is finite, or one is NaN or infinity.
void sampleToken(Context& context, int32_t* id, float* logprob, const float* logits, int64_t width,
                 const int32_t* history, int64_t count, double temperature, int64_t k, double p, double minP,
                 double penalty, double uniform) {
  *id = -1;
  *logprob = std::numeric_limits<float>::quiet_NaN();
  float largest = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < width; i++) {
    if (logits[i] != logits[i]) return;
    largest = std::max(largest, logits[i]);
  }
  if (std::isinf(largest)) return;
  double total = 0;
  for (int64_t i = 0; i < width; i++) total += std::exp(static_cast<double>(logits[i]) - largest);
  const auto choose = [&](int64_t token) {
    *id = static_cast<int32_t>(token);
    *logprob = static_cast<float>(static_cast<double>(logits[token]) - largest - std::log(total));
  };

  const size_t doubles = sizeof(double) * static_cast<size_t>(width);
  const size_t bytes = 2 * doubles + sizeof(int32_t) * static_cast<size_t>(maximum(width, count));
  double* scores = static_cast<double*>(context.partial.reserve(bytes));
  double* weights = scores + width;
  int32_t* order = reinterpret_cast<int32_t*>(weights + width);
  for (int64_t i = 0; i < width; i++) scores[i] = logits[i];
  if (penalty != 1) {
    std::copy(history, history + count, order);
    std::sort(order, order + count);
    const int32_t* end = std::unique(order, order + count);
    for (const int32_t* seen = order; seen < end; seen++) {
      if (*seen < 0 || *seen >= width) continue;
      double& score = scores[*seen];
      score = score > 0 ? score / penalty : score * penalty;
    }
  }
  if (temperature == 0) return choose(std::max_element(scores, scores + width) - scores);
  for (int64_t i = 0; i < width; i++) scores[i] /= temperature;
  const double best = *std::max_element(scores, scores + width);

  for (int64_t i = 0; i < width; i++) order[i] = static_cast<int32_t>(i);
  Ranking ranking{scores, order, width};
  if (k > 0 && k < width) {
    ranking.sortUpTo(k);
    ranking.candidates = k;
  }
  const int64_t candidates = ranking.candidates;
  double sum = 0;
  int64_t likely = 0;  // at least min-p times as likely as the likeliest, whose weight is 1
  for (int64_t i = 0; i < candidates; i++) {
    const double weight = std::exp(scores[order[i]] - best);
    weights[order[i]] = weight;
    sum += weight;
    if (weight >= minP) likely++;
  }
  int64_t kept = candidates;
  if (p < 1) {
    double reached = 0;
    for (int64_t i = 0; i < kept; i++) {
      ranking.sortUpTo(i + 1);
      reached += weights[order[i]];
      if (reached >= p * sum) kept = i + 1;
    }
  }
  kept = maximum(int64_t{1}, minimum(kept, likely));
  if (kept < candidates) {
    ranking.sortUpTo(kept);
    sum = 0;
    for (int64_t i = 0; i < kept; i++) sum += weights[order[i]];
  }
  double left = uniform * sum;
  for (int64_t i = 0; i < kept; i++) {
    ranking.sortUpTo(i + 1);
    left -= weights[order[i]];
    if (left < 0) return choose(order[i]);
  }
  choose(order[kept - 1]);  // rounding ate the last of the sum
}

}  // namespace NUWA_ISA
}  // namespace nuwa
