// Optimizer steps, a few in a row, on odd sizes.
#include "check.h"

namespace check {

void optimizers(Run& run) {
  auto& [k, c, random, results] = run;
  for (const int64_t n : {1, 37, 20011}) {
    Floats p = random.floats(n), m = empty(n), v = empty(n);
    for (int step = 1; step <= 3; step++) {
      const Floats g = random.floats(n);
      k.adamW(c, p.data(), g.data(), m.data(), v.data(), n, 1e-3, 0.9, 0.95, 1e-8, 0.1, step, 1);
    }
    run.keep("adamW", p);
    for (int mode = 0; mode < 4; mode++) {
      const Floats g = random.floats(n);
      k.sgd(c, p.data(), g.data(), mode == 3 ? nullptr : m.data(), n, 0.1, 0.9, 0.1, (mode & 1) != 0, (mode & 2) != 0, 0.5);
      run.keep("sgd", p);
    }
    Floats g = random.floats(n);
    k.nesterov(c, m.data(), g.data(), n, 0.95, 0.5);
    run.keep("nesterov", g);
    // Signs: inputs kept away from 0, where rounding alone would turn them.
    Floats direction = random.floats(n), still = empty(n);
    for (float& value : direction) value += value < 0 ? -0.1f : 0.1f;
    k.lion(c, p.data(), direction.data(), still.data(), n, 1e-2, 0.9, 0.99, 0.1, 1);
    run.keep("lion", p);
    run.keep("lion m", still);
  }
  const int64_t shapes[][3] = {{1, 1, 1}, {1, 9, 1}, {1, 1, 37}, {3, 5, 17}, {1, 331, 70}};
  for (const auto& [matrices, rows, columns] : shapes) {
    const int64_t n = matrices * rows * columns;
    for (const bool factored : {true, false}) {
      Floats p = random.floats(n), row = empty(factored ? matrices * rows : n), column = empty(matrices * columns);
      for (int step = 1; step <= 3; step++) {
        const Floats g = random.floats(n);
        k.adafactor(c, p.data(), g.data(), row.data(), factored ? column.data() : nullptr, matrices, rows, columns, 1e-2,
                    1.0 / step, 1.2e-7, 1e-3, 1, 0.1, step, 0.5);
      }
      run.keep("adafactor", p);
      run.keep("adafactor row", row);
      run.keep("adafactor column", column);
    }
  }
}

}  // namespace check
