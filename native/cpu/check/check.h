// What the checks of native/cpu/check share: seeded numbers, results that are held together across instruction sets
// and threads, and a table that counts calls, so that a kernel without a check is noticed.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "../kernels.h"

namespace check {

using Floats = std::vector<float>;

struct Random {
  uint32_t state = 1;
  // Uniform in [-1, 1).
  float next() {
    state = state * 1664525u + 1013904223u;
    return static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
  Floats floats(int64_t n) {
    Floats values(static_cast<size_t>(n));
    for (float& value : values) value = next();
    return values;
  }
  // Uniform in [0, 1).
  Floats positive(int64_t n) {
    Floats values(static_cast<size_t>(n));
    for (float& value : values) value = (next() + 1.0f) * 0.5f;
    return values;
  }
  std::vector<int32_t> ids(int64_t n, int32_t below) {
    std::vector<int32_t> values(static_cast<size_t>(n));
    for (int32_t& value : values) value = static_cast<int32_t>((next() + 1.0f) * 0.4999f * static_cast<float>(below));
    return values;
  }
};

struct Result {
  const char* name;
  // Largest |difference to the portable set| / (root mean square + |value|).
  double tolerance;
  Floats values;
};

// One run of all checks: kernels of one set, on a number of threads.
struct Run {
  Run(const nuwa::KernelTable& table, int threads) : k(table), c(threads, &table) {}

  const nuwa::KernelTable& k;
  nuwa::Context c;
  Random random;
  std::vector<Result> results;

  void keep(const char* name, const Floats& values, double tolerance = 1e-4) {
    results.push_back({name, tolerance, values});
  }
  // Bytes of any kind: held to the same bits on every thread count, and (as numbers) across sets.
  template <typename T>
  void keepAll(const char* name, const std::vector<T>& values, double tolerance = 1e-4) {
    Floats floats;
    for (const T& value : values) floats.push_back(static_cast<float>(value));
    keep(name, floats, tolerance);
  }
};


inline Floats empty(int64_t n) { return Floats(static_cast<size_t>(n)); }

// One function a family of kernels; a new file is named here and in driver.cc's list.
void products(Run& run);
void attention(Run& run);
void layers(Run& run);
void elementwise(Run& run);
void optimizers(Run& run);
void families(Run& run);
void weights(Run& run);

// The thread pool under stress; prints what is wrong and returns the number of mistakes.
int poolStress();
// Scratch memory that cannot be had is a Failure MEMORY, and the next call works.
int scratchFailure(const nuwa::KernelTable& table);

}  // namespace check
