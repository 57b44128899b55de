// Optimizer steps, a few in a row, on odd sizes.
#include "check.h"

namespace check {

void optimizers(Run& run) {
  auto& [k, c, random, results] = run;
  const float half = 0.5f, none = 0.0f;
  for (const int64_t n : {1, 37, 20011}) {
    Floats p = random.floats(n), m = empty(n), v = empty(n);
    for (int step = 1; step <= 3; step++) {
      const Floats g = random.floats(n);
      k.adamW(c, p.data(), g.data(), m.data(), v.data(), nullptr, n, 1e-3, 0.9, 0.95, 1e-8, 0.1, step);
    }
    run.keep("adamW", p);
    for (int mode = 0; mode < 4; mode++) {
      const Floats g = random.floats(n);
      k.sgd(c, p.data(), g.data(), mode == 3 ? nullptr : m.data(), &half, n, 0.1, 0.9, 0.1, (mode & 1) != 0,
            (mode & 2) != 0);
      run.keep("sgd", p);
    }
    Floats g = random.floats(n);
    k.nesterov(c, m.data(), g.data(), &half, n, 0.95);
    run.keep("nesterov", g);
    // Signs: inputs kept away from 0, where rounding alone would turn them.
    Floats direction = random.floats(n), still = empty(n);
    for (float& value : direction) value += value < 0 ? -0.1f : 0.1f;
    k.lion(c, p.data(), direction.data(), still.data(), nullptr, n, 1e-2, 0.9, 0.99, 0.1);
    run.keep("lion", p);
    run.keep("lion m", still);
    Floats norm = empty(1), clipped = empty(3), whole = empty(n);
    k.sumOfSquares(c, norm.data(), direction.data(), n);
    k.normalize(c, whole.data(), direction.data(), norm.data(), n, 1e-7);
    run.keep("normalize", whole);
    k.clipGradients(c, clipped.data(), direction.data(), n, norm.data(), 1, 1.0);
    run.keep("clipGradients", clipped);
    k.multiplyScalar(c, whole.data(), whole.data(), clipped.data() + 1, n);
    run.keep("multiplyScalar", whole);
    k.applyUpdate(c, p.data(), whole.data(), &none, n, 0.9, 0.1);
    k.applyUpdate(c, p.data(), whole.data(), &half, n, 0.9, 0.1);
    run.keep("applyUpdate", p);
  }
  const int64_t shapes[][3] = {{1, 1, 1}, {1, 9, 1}, {1, 1, 37}, {3, 5, 17}, {1, 331, 70}};
  for (const auto& [matrices, rows, columns] : shapes) {
    const int64_t n = matrices * rows * columns;
    for (const bool factored : {true, false}) {
      Floats p = random.floats(n), row = empty(factored ? matrices * rows : n), column = empty(matrices * columns);
      for (int step = 1; step <= 3; step++) {
        const Floats g = random.floats(n);
        k.adafactor(c, p.data(), g.data(), row.data(), factored ? column.data() : nullptr, &half, matrices, rows,
                    columns, 1e-2, 1.0 / step, 1.2e-7, 1e-3, 1, 0.1, step);
      }
      run.keep("adafactor", p);
      run.keep("adafactor row", row);
      run.keep("adafactor column", column);
    }
  }
  // Tokens: large gaps between logits, where rounding alone would not turn one into another.
  for (const int64_t V : {1, 5, 1003}) {
    Floats logits(V), ids(12), logprobs(12);
    for (int64_t i = 0; i < V; i++) logits[i] = static_cast<float>((i * 7919) % V) * (20.0f / static_cast<float>(V));
    const std::vector<int32_t> history = {3, 0, 3, -1, 1002, 2000};
    for (int draw = 0; draw < 12; draw++) {
      int32_t id = 0;
      const double p = draw % 2 == 0 ? 1.0 : 0.8, minP = draw % 3 == 0 ? 0.05 : 0.0;
      k.sampleToken(c, &id, &logprobs[draw], logits.data(), V, history.data(), 6, draw == 0 ? 0.0 : 0.7, draw % 4 * 20,
                    p, minP, draw < 6 ? 1.0 : 1.3, draw / 12.0 + 0.01);
      ids[draw] = static_cast<float>(id);
    }
    run.keep("sampleToken", ids);
    run.keep("sampleToken logprobs", logprobs);
  }
}

}  // namespace check
