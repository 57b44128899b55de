// A row worked on vector by vector: the same body for whole vectors and for what is left at the end.
#pragma once
#include "math.h"

namespace nuwa {
namespace NUWA_ISA {

struct WholeVector {
  int64_t at;
  inline __attribute__((always_inline)) vf get(const float* p) const { return load(p + at); }
  inline __attribute__((always_inline)) void put(float* p, vf v) const { store(p + at, v); }
};

struct PartVector {
  int64_t at, count;
  inline __attribute__((always_inline)) vf get(const float* p) const { return loadPart(p + at, count); }
  inline __attribute__((always_inline)) void put(float* p, vf v) const { storePart(p + at, v, count); }
};

// body(vector) over [begin, end).
template <typename F>
NUWA_INLINE void eachColumn(int64_t begin, int64_t end, const F& body) {
  int64_t i = begin;
  for (; i + W <= end; i += W) body(WholeVector{i});
  if (i < end) body(PartVector{i, end - i});
}

}  // namespace NUWA_ISA
}  // namespace nuwa
