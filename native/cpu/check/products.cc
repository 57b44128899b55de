// Matrix products of every shape class: single elements, skinny, ragged tiles, several blocks of k.
#include "check.h"

namespace check {

void products(Run& run) {
  auto& [k, c, random, results] = run;
  const int64_t sizes[][3] = {{1, 1, 1}, {1, 37, 19}, {3, 33, 70}, {7, 17, 5}, {65, 130, 401}, {200, 47, 333}, {13, 300, 64}};
  for (const auto& [M, N, K] : sizes) {
    for (int flags = 0; flags < 8; flags++) {
      const Floats a = random.floats(M * K), b = random.floats(K * N), bias = random.floats(N);
      Floats out = random.floats(M * N);
      k.gemm(c, out.data(), a.data(), b.data(), (flags & 4) != 0 ? nullptr : bias.data(), M, N, K, (flags & 1) != 0,
             (flags & 2) != 0, (flags & 4) != 0);
      run.keep("gemm", out);
      c.bfloat16Products = true;
      k.gemm(c, out.data(), a.data(), b.data(), (flags & 4) != 0 ? nullptr : bias.data(), M, N, K, (flags & 1) != 0,
             (flags & 2) != 0, (flags & 4) != 0);
      c.bfloat16Products = false;
      run.keep("gemm in bfloat16", out);
    }
  }
  double gflops = 0;
  k.measurePeak(c, &gflops, 0.0);
  run.keep("measurePeak is a number above 0", {gflops > 0 ? 1.0f : 0.0f});
}

}  // namespace check
