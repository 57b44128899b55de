// Scratch memory that cannot be had: a Failure with the code MEMORY, and the context works on.
#include <cstdio>

#include "check.h"

namespace check {

int scratchFailure(const nuwa::KernelTable& table) {
  nuwa::Context c(2, &table);
  Random random;
  const int64_t small = 33, large = 700;
  const auto product = [&](int64_t n) {
    const Floats a = random.floats(n * n), b = random.floats(n * n);
    Floats out = empty(n * n);
    table.gemm(c, out.data(), a.data(), b.data(), nullptr, n, n, n, true, true, false);
    return out[0] == out[0];
  };
  c.limitScratch(256 << 10);
  int wrong = product(small) ? 0 : 1;
  bool refused = false;
  try {
    product(large);
  } catch (const nuwa::Failure& failure) {
    refused = std::strcmp(failure.code, "MEMORY") == 0;
  }
  if (!refused) wrong++;
  if (!product(small)) wrong++;
  c.limitScratch(SIZE_MAX);
  if (!product(large)) wrong++;
  if (wrong != 0) std::printf("  scratch memory beyond its limit: not refused with MEMORY, or the context broke\n");
  return wrong;
}

}  // namespace check
