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
  }
}

}  // namespace check
