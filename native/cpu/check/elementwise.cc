// Kernels of one element at a time, at lengths around the widths of vectors and the pieces of work.
#include "check.h"

namespace check {

void elementwise(Run& run) {
  auto& [k, c, random, results] = run;
  for (const int64_t n : {1, 7, 16, 401, 401 * 67}) {
    const Floats x = random.floats(n), dout = random.floats(n);
    Floats out = empty(n), dx = empty(n), other = empty(n);
    for (int kind = 0; kind < 5; kind++) {
      k.activation(c, out.data(), x.data(), n, kind);
      run.keep("activation", out);
      k.activationBackward(c, out.data(), dout.data(), x.data(), n, kind, true);
      run.keep("activationBackward", out);
      k.gated(c, out.data(), x.data(), dout.data(), n, kind);
      run.keep("gated", out);
      k.gatedBackward(c, dx.data(), other.data(), dout.data(), x.data(), out.data(), n, kind);
      run.keep("gatedBackward", dx);
    }
    k.axpby(c, out.data(), x.data(), 2.0f, dout.data(), 3.0f, n);
    k.multiply(c, out.data(), x.data(), dout.data(), n, true);
    run.keep("axpby, multiply", out);
    k.dropout(c, out.data(), out.data(), n, 0.25, 1, 2, 3, 4, 5, false);
    run.keep("dropout", out);
    k.fill(c, out.data(), n, 1.5f);
    k.copy(c, dx.data(), out.data(), n * 4);
    run.keep("fill, copy", dx, 0);
    std::vector<int32_t> whole(static_cast<size_t>(n));
    k.fillInt(c, whole.data(), n, 3);
    run.keepAll("fillInt", whole, 0);
  }
  // Many small jobs, with pauses of different lengths: the pool's sleeping and waking.
  Floats small(20000);
  for (int i = 0; i < 300; i++) k.axpby(c, small.data(), small.data(), 1.0f, small.data(), 1e-3f, 20000 - i % 7 * 3000);
}

}  // namespace check
