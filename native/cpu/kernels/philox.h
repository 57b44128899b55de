// Philox4x32-10 (Salmon et al. 2011), kLanes counters side by side in plain loops that the compiler vectorises.
#pragma once
#include "vector.h"

namespace nuwa {
namespace NUWA_ISA {

constexpr int kLanes = 2 * W;

NUWA_INLINE void philox(uint32_t (&words)[4][kLanes], uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < kLanes; i++) {
      const uint64_t product0 = uint64_t{0xd2511f53u} * words[0][i];
      const uint64_t product1 = uint64_t{0xcd9e8d57u} * words[2][i];
      words[0][i] = static_cast<uint32_t>(product1 >> 32) ^ words[1][i] ^ key0;
      words[1][i] = static_cast<uint32_t>(product1);
      words[2][i] = static_cast<uint32_t>(product0 >> 32) ^ words[3][i] ^ key1;
      words[3][i] = static_cast<uint32_t>(product0);
    }
    key0 += 0x9e3779b9u;
    key1 += 0xbb67ae85u;
  }
}

// Which elements drop, and what the others are multiplied by: see DropoutDims in src/tensor/device.ts.
struct Dropout {
  uint64_t threshold;  // an element drops when its word is below
  float scale;
  uint32_t seed0, seed1, counter1, counter2, counter3;

  Dropout(double p, uint32_t s0, uint32_t s1, uint32_t c1, uint32_t c2, uint32_t c3)
      : seed0(s0), seed1(s1), counter1(c1), counter2(c2), counter3(c3) {
    // word < p * 2^32 for whole words is word < the next whole number.
    const double exact = p * 4294967296.0;
    threshold = static_cast<uint64_t>(exact);
    if (static_cast<double>(threshold) < exact) threshold++;
    scale = p < 1.0 ? static_cast<float>(1.0 / (1.0 - p)) : 0.0f;
  }

  // Factors (0 or scale) of elements 4 * group to 4 * group + 4 * kLanes - 1.
  inline __attribute__((always_inline)) void factors(float (&mask)[4 * kLanes], int64_t group) const {
    uint32_t words[4][kLanes];
    for (int i = 0; i < kLanes; i++) {
      words[0][i] = static_cast<uint32_t>(group + i);
      words[1][i] = counter1;
      words[2][i] = counter2;
      words[3][i] = counter3;
    }
    philox(words, seed0, seed1);
    for (int i = 0; i < kLanes; i++) {
      for (int j = 0; j < 4; j++) mask[4 * i + j] = words[j][i] < threshold ? 0.0f : scale;
    }
  }
};

}  // namespace NUWA_ISA
}  // namespace nuwa
