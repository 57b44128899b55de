// Vectors of NUWA_WIDTH floats in GCC's and Clang's portable notation: one source, compiled once per instruction set.
// Everything here lives in that set's namespace, so that the linker never merges two sets' functions.
#pragma once
#include <cstdint>
#include <cstring>

#include "../kernels.h"

#if !defined(NUWA_ISA) || !defined(NUWA_WIDTH)
#error "compile with -DNUWA_ISA=portable|avx2|avx512|neon and -DNUWA_WIDTH=4|8|16"
#endif

#define NUWA_DECLARE(name, ...) void name(Context&, __VA_ARGS__);
#define NUWA_INLINE static inline __attribute__((always_inline))

namespace nuwa {
namespace NUWA_ISA {

NUWA_KERNELS(NUWA_DECLARE)

constexpr int W = NUWA_WIDTH;

typedef float vf __attribute__((vector_size(NUWA_WIDTH * 4)));
typedef int32_t vi __attribute__((vector_size(NUWA_WIDTH * 4)));
typedef uint32_t vu __attribute__((vector_size(NUWA_WIDTH * 4)));
typedef float vfMemory __attribute__((vector_size(NUWA_WIDTH * 4), aligned(4), may_alias));

NUWA_INLINE vf load(const float* p) { return *reinterpret_cast<const vfMemory*>(p); }
NUWA_INLINE void store(float* p, vf v) { *reinterpret_cast<vfMemory*>(p) = v; }
NUWA_INLINE vf splat(float x) { return x - vf{}; }
NUWA_INLINE vi splatInt(int32_t x) { return x - vi{}; }

// The first n < W lanes; the others read `rest`, or are not written.
NUWA_INLINE vf loadPart(const float* p, int64_t n, float rest = 0.0f) {
  float lanes[W];
  for (int i = 0; i < W; i++) lanes[i] = i < n ? p[i] : rest;
  return load(lanes);
}
NUWA_INLINE void storePart(float* p, vf v, int64_t n) {
  float lanes[W];
  store(lanes, v);
  for (int64_t i = 0; i < n; i++) p[i] = lanes[i];
}

// a0 b0 a1 b1 … from the lower halves, and from the upper ones.
#if defined(__clang__)
#define NUWA_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define NUWA_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, vi{__VA_ARGS__})
#endif
#if NUWA_WIDTH == 4
NUWA_INLINE vf zipLow(vf a, vf b) { return NUWA_SHUFFLE(a, b, 0, 4, 1, 5); }
NUWA_INLINE vf zipHigh(vf a, vf b) { return NUWA_SHUFFLE(a, b, 2, 6, 3, 7); }
#elif NUWA_WIDTH == 8
NUWA_INLINE vf zipLow(vf a, vf b) { return NUWA_SHUFFLE(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
NUWA_INLINE vf zipHigh(vf a, vf b) { return NUWA_SHUFFLE(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }
#else
NUWA_INLINE vf zipLow(vf a, vf b) {
  return NUWA_SHUFFLE(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
NUWA_INLINE vf zipHigh(vf a, vf b) {
  return NUWA_SHUFFLE(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
#endif

// W vectors as rows become W vectors as columns: zipped log2(W) times, each row with the one half the rows away.
NUWA_INLINE void transpose(vf (&rows)[W]) {
#pragma GCC unroll 4
  for (int step = 1; step < W; step *= 2) {
    vf zipped[W];
#pragma GCC unroll 16
    for (int i = 0; i < W / 2; i++) {
      zipped[2 * i] = zipLow(rows[i], rows[i + W / 2]);
      zipped[2 * i + 1] = zipHigh(rows[i], rows[i + W / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < W; i++) rows[i] = zipped[i];
  }
}

NUWA_INLINE vf maximum(vf a, vf b) { return a > b ? a : b; }

// Lane i becomes lane (i + Step) % W. In registers: a loop over lanes in memory makes compilers keep accumulators there.
template <int Step>
NUWA_INLINE vf rotateLanes(vf v) {
#if NUWA_WIDTH == 4
  return NUWA_SHUFFLE(v, v, (0 + Step) % 4, (1 + Step) % 4, (2 + Step) % 4, (3 + Step) % 4);
#elif NUWA_WIDTH == 8
  return NUWA_SHUFFLE(v, v, (0 + Step) % 8, (1 + Step) % 8, (2 + Step) % 8, (3 + Step) % 8, (4 + Step) % 8,
                      (5 + Step) % 8, (6 + Step) % 8, (7 + Step) % 8);
#else
  return NUWA_SHUFFLE(v, v, (0 + Step) % 16, (1 + Step) % 16, (2 + Step) % 16, (3 + Step) % 16, (4 + Step) % 16,
                      (5 + Step) % 16, (6 + Step) % 16, (7 + Step) % 16, (8 + Step) % 16, (9 + Step) % 16,
                      (10 + Step) % 16, (11 + Step) % 16, (12 + Step) % 16, (13 + Step) % 16, (14 + Step) % 16,
                      (15 + Step) % 16);
#endif
}

// Lanes are added as a tree: the same order everywhere.
NUWA_INLINE float sumLanes(vf v) {
#if NUWA_WIDTH == 16
  v += rotateLanes<8>(v);
#endif
#if NUWA_WIDTH >= 8
  v += rotateLanes<4>(v);
#endif
  v += rotateLanes<2>(v);
  v += rotateLanes<1>(v);
  return v[0];
}
NUWA_INLINE float maxLanes(vf v) {
#if NUWA_WIDTH == 16
  v = maximum(v, rotateLanes<8>(v));
#endif
#if NUWA_WIDTH >= 8
  v = maximum(v, rotateLanes<4>(v));
#endif
  v = maximum(v, rotateLanes<2>(v));
  v = maximum(v, rotateLanes<1>(v));
  return v[0];
}

NUWA_INLINE int64_t minimum(int64_t a, int64_t b) { return a < b ? a : b; }
NUWA_INLINE int64_t maximum(int64_t a, int64_t b) { return a > b ? a : b; }
NUWA_INLINE int64_t divideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }
NUWA_INLINE int64_t roundUp(int64_t a, int64_t b) { return divideUp(a, b) * b; }

// body(tile, thread) for tiles 0 .. tiles - 1. What a tile holds must not depend on the number of threads.
template <typename F>
static inline void parallelTiles(Context& context, int64_t tiles, const F& body) {
  context.pool.run(
      tiles, [](void* raw, int64_t tile, int thread) { (*static_cast<const F*>(raw))(tile, thread); },
      const_cast<F*>(&body));
}

// body(begin, end) over [0, n) in pieces of `grain`.
template <typename F>
static inline void parallelRange(Context& context, int64_t n, int64_t grain, const F& body) {
  parallelTiles(context, divideUp(n, grain),
                [&](int64_t tile, int) { body(tile * grain, minimum(n, (tile + 1) * grain)); });
}

// Elements per piece of elementwise work: large against a wake-up, small against the second-level cache.
constexpr int64_t kGrain = 8192;

// Rows per piece, so that a piece holds about kGrain elements.
NUWA_INLINE int64_t rowGrain(int64_t width) { return maximum(int64_t{1}, kGrain / maximum(int64_t{1}, width)); }

}  // namespace NUWA_ISA
}  // namespace nuwa
