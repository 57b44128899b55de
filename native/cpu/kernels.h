// The list of kernels, once: it declares them in each instruction set's namespace and makes the table of pointers.
// Shapes are documented in src/tensor/device.ts. Counts are elements. No kernel checks its arguments.
#pragma once
#include <cstdint>

#include "context.h"

// X(name, arguments after the context)
#define NUWA_KERNELS(X)                                                                                              \
  X(fill, float* x, int64_t n, float value)                                                                          \
  X(fillInt, int32_t* x, int64_t n, int32_t value)                                                                   \
  X(copy, void* out, const void* x, int64_t bytes)                                                                   \
  X(axpby, float* out, const float* a, float alpha, const float* b, float beta, int64_t n)                           \
  X(multiply, float* out, const float* a, const float* b, int64_t n, bool accumulate)                                \
  X(activation, float* out, const float* x, int64_t n, int kind)                                                     \
  X(activationBackward, float* dx, const float* dout, const float* x, int64_t n, int kind, bool accumulate)          \
  X(gated, float* out, const float* gate, const float* up, int64_t n, int kind)                                      \
  X(gatedBackward, float* dgate, float* dup, const float* dout, const float* gate, const float* up, int64_t n,       \
    int kind)                                                                                                        \
  X(dropout, float* out, const float* x, int64_t n, double p, uint32_t seed0, uint32_t seed1, uint32_t counter1,     \
    uint32_t counter2, uint32_t counter3, bool accumulate)                                                           \
  X(sum, float* out, const float* x, int64_t n)                                                                      \
  X(sumOfSquares, float* out, const float* x, int64_t n)                                                             \
  X(argmax, int32_t* out, const float* x, int64_t rows, int64_t width)                                               \
  X(gemm, float* out, const float* a, const float* b, const float* bias, int64_t M, int64_t N, int64_t K,            \
    bool transposeA, bool transposeB, bool accumulate)                                                               \
  X(columnSum, float* out, const float* x, int64_t rows, int64_t width, bool accumulate)                             \
  X(embedding, float* out, const float* table, const int32_t* ids, int64_t rows, int64_t width, int64_t vocabulary)  \
  X(embeddingBackward, float* dtable, const float* dout, const int32_t* ids, int64_t rows, int64_t width,            \
    int64_t vocabulary)                                                                                              \
  X(layerNorm, float* out, float* mean, float* rstd, const float* x, const float* weight, const float* bias,         \
    int64_t rows, int64_t width, float epsilon)                                                                      \
  X(layerNormBackward, float* dx, float* dweight, float* dbias, const float* dout, const float* x,                   \
    const float* weight, const float* mean, const float* rstd, int64_t rows, int64_t width, bool accumulateX,        \
    bool accumulateParameters)                                                                                       \
  X(rmsNorm, float* out, float* rstd, const float* x, const float* weight, int64_t rows, int64_t width,              \
    float epsilon)                                                                                                   \
  X(rmsNormBackward, float* dx, float* dweight, const float* dout, const float* x, const float* weight,              \
    const float* rstd, int64_t rows, int64_t width, bool accumulateX, bool accumulateParameters)                     \
  X(rope, float* out, const float* x, const float* table, int64_t B, int64_t T, int64_t H, int64_t D,                \
    int64_t offset, bool inverse)                                                                                    \
  X(attention, float* out, float* logSumExp, const float* q, const float* k, const float* v, int64_t B, int64_t T,   \
    int64_t S, int64_t capacity, int64_t H, int64_t K, int64_t D, bool causal, float scale)                          \
  X(attentionBackward, float* dq, float* dk, float* dv, const float* dout, const float* out,                         \
    const float* logSumExp, const float* q, const float* k, const float* v, int64_t B, int64_t T, int64_t H,         \
    int64_t K, int64_t D, bool causal, float scale)                                                                  \
  X(crossEntropy, float* losses, float* logits, const int32_t* targets, const float* weights, int64_t rows,          \
    int64_t vocabulary, bool wantsGradient, float gradientScale)                                                     \
  X(adamW, float* parameter, const float* gradient, float* m, float* v, int64_t n, double learningRate,              \
    double beta1, double beta2, double epsilon, double weightDecay, double step, double gradientScale)               \
  X(measurePeak, double* gflops, double seconds)

namespace nuwa {

#define NUWA_ENTRY(name, ...) void (*name)(Context&, __VA_ARGS__);
struct KernelTable {
  const char* name;
  int vectorWidth;
  NUWA_KERNELS(NUWA_ENTRY)
};
#undef NUWA_ENTRY

namespace portable {
extern const KernelTable table;
}
namespace avx2 {
extern const KernelTable table;
}
namespace avx512 {
extern const KernelTable table;
}
namespace neon {
extern const KernelTable table;
}

// Order of src/tensor/cpu/device.ts.
enum ActivationKind { kGelu = 0, kGeluTanh = 1, kSilu = 2, kRelu = 3, kRelu2 = 4 };

}  // namespace nuwa
