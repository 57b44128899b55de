// The list of kernels, once: it declares them in each instruction set's namespace and makes the table of pointers.
// Shapes are documented in src/tensor/device.ts. Counts are elements. No kernel checks its arguments.
#pragma once
#include <cstdint>

#include "context.h"

// What attention reads, in one order everywhere: AttentionInputs and AttentionDims of src/tensor/device.ts.
// Null for what is not used; left, right and positions are 0 or more; p = 0 for no dropout.
#define NUWA_ATTENTION_PARAMETERS                                                                                    \
  const float *q, const float *k, const float *v, const float *relative, const float *bias, const int32_t *mask,     \
      const int32_t *segments, int64_t B, int64_t T, int64_t S, int64_t capacity, int64_t H, int64_t K, int64_t D,   \
      int64_t left, int64_t right, int64_t positions, int64_t maskBatch, int64_t maskHead, int64_t maskQuery,        \
      float scale, double p, uint32_t seed0, uint32_t seed1, uint32_t counter1, uint32_t counter2, uint32_t counter3
#define NUWA_ATTENTION_ARGUMENTS                                                                                     \
  q, k, v, relative, bias, mask, segments, B, T, S, capacity, H, K, D, left, right, positions, maskBatch, maskHead,  \
      maskQuery, scale, p, seed0, seed1, counter1, counter2, counter3

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
  X(rope, float* out, const float* x, const float* table, const int32_t* positions, int64_t angles, int64_t B,       \
    int64_t T, int64_t H, int64_t D, int64_t offset, bool inverse)                                                   \
  X(attention, float* out, float* logSumExp, NUWA_ATTENTION_PARAMETERS)                                              \
  X(attentionBackward, float* dq, float* dk, float* dv, float* drelative, const float* dout, const float* out,       \
    const float* logSumExp, NUWA_ATTENTION_PARAMETERS)                                                               \
  X(crossEntropy, float* losses, float* logits, const int32_t* targets, const float* weights, int64_t rows,          \
    int64_t vocabulary, bool wantsGradient, float gradientScale, float labelSmoothing, float zLoss)                                                     \
  X(adamW, float* parameter, const float* gradient, float* m, float* v, const float* scale, int64_t n,                \
    double learningRate, double beta1, double beta2, double epsilon, double weightDecay, double step)                 \
  X(unary, float* out, const float* x, int64_t n, int kind)                                                          \
  X(unaryBackward, float* dx, const float* dout, const float* x, int64_t n, int kind, bool accumulate)               \
  X(softmax, float* out, const float* x, int64_t rows, int64_t width, bool logarithm)                                \
  X(softmaxBackward, float* dx, const float* dout, const float* out, int64_t rows, int64_t width, bool logarithm,    \
    bool accumulate)                                                                                                 \
  X(logSumExp, float* out, const float* x, int64_t rows, int64_t width)                                              \
  X(logSumExpBackward, float* dx, const float* dout, const float* x, const float* out, int64_t rows, int64_t width,  \
    bool accumulate)                                                                                                 \
  X(copyBlocks, float* out, const float* x, int64_t count, int64_t length, int64_t outStride, int64_t xStride,       \
    bool accumulate)                                                                                                 \
  X(swapAxes, float* out, const float* x, int64_t outer, int64_t first, int64_t middle, int64_t second,              \
    int64_t inner)                                                                                                   \
  X(gather, float* out, const float* x, const int32_t* ids, int64_t outer, int64_t size, int64_t picks,              \
    int64_t inner)                                                                                                   \
  X(gatherBackward, float* dx, const float* dout, const int32_t* ids, int64_t outer, int64_t size, int64_t picks,    \
    int64_t inner)                                                                                                   \
  X(sumAxis, float* out, const float* x, int64_t outer, int64_t size, int64_t inner, float scale)                    \
  X(broadcastAxis, float* out, const float* x, int64_t outer, int64_t size, int64_t inner, float scale,              \
    bool accumulate)                                                                                                 \
  X(recurrent, float* out, float* gates, float* memory, const float* hidden, const float* cell, const float* weight, \
    const float* bias, int64_t B, int64_t T, int64_t H, int kind)                                                    \
  X(recurrentBackward, float* gates, float* hiddenGates, float* dhidden, float* dcell, const float* dout,            \
    const float* dlastCell, const float* memory, const float* out, const float* hidden, const float* cell,           \
    const float* weight, int64_t B, int64_t T, int64_t H, int kind)                                                  \
  X(topK, int32_t* ids, const float* x, int64_t rows, int64_t width, int64_t count)                                  \
  X(groupRows, int32_t* tokens, int32_t* position, int32_t* offsets, float* shares, const int32_t* ids,              \
    int64_t rows, int64_t choices, int64_t experts, int64_t capacity)                                                \
  X(combineRows, float* out, const float* y, const float* weights, const int32_t* position, int64_t rows,            \
    int64_t choices, int64_t width, bool accumulate)                                                                 \
  X(combineRowsBackward, float* dy, float* dweights, const float* dout, const float* y, const float* weights,        \
    const int32_t* position, int64_t rows, int64_t choices, int64_t width)                                           \
  X(groupedGemm, float* out, const float* a, const float* b, const int32_t* offsets, int64_t experts,                \
    int64_t inputs, int64_t outputs, int kind, bool accumulate)                                                      \
  X(linearWeight, float* out, const float* x, const void* weight, int kind, const float* bias, int64_t rows,         \
    int64_t outputs, int64_t inputs)                                                                                 \
  X(embeddingWeight, float* out, const void* weight, int kind, const int32_t* ids, int64_t rows, int64_t width,      \
    int64_t vocabulary)                                                                                              \
  X(packWeight, void* weight, int kind, const float* x, int64_t first, int64_t count, int64_t rows, int64_t width)   \
  X(unpackWeight, float* out, const void* weight, int kind, int64_t rows, int64_t width)                             \
  X(attentionStep, float* out, const float* q, const float* k, const float* v, float* keys, float* values,           \
    const int32_t* positions, const float* table, int64_t B, int64_t capacity, int64_t H, int64_t K, int64_t D,      \
    float scale)                                                                                                     \
  X(readThrough, float* out, const float* x, int64_t n)                                                              \
  X(lion, float* parameter, const float* gradient, float* m, const float* scale, int64_t n, double learningRate,      \
    double beta1, double beta2, double weightDecay)                                                                   \
  X(sgd, float* parameter, const float* gradient, float* m, const float* scale, int64_t n, double learningRate,       \
    double momentum, double weightDecay, bool nesterov, bool decoupled)                                               \
  X(nesterov, float* momentum, float* gradient, const float* scale, int64_t n, double beta)                           \
  X(adafactor, float* parameter, const float* gradient, float* row, float* column, const float* scale,                \
    int64_t matrices, int64_t rows, int64_t columns, double learningRate, double newShare, double epsilon1,           \
    double epsilon2, double clipThreshold, double weightDecay, double step)                                           \
  X(multiplyScalar, float* out, const float* x, const float* factor, int64_t n)                                       \
  X(normalize, float* out, const float* x, const float* squares, int64_t n, double epsilon)                           \
  X(applyUpdate, float* parameter, const float* update, const float* scale, int64_t n, double keep, double rate)      \
  X(clipGradients, float* out, const float* values, int64_t count, const float* squares, int64_t parts,               \
    double maxNorm)                                                                                                   \
  X(sampleToken, int32_t* id, float* logprob, const float* logits, int64_t width, const int32_t* history,             \
    int64_t count, double temperature, int64_t k, double p, double minP, double penalty, double uniform)              \
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
// Only gemm.cc is compiled for this set; the other kernels are those of avx512.
namespace avx512bf16 {
void gemm(Context&, float* out, const float* a, const float* b, const float* bias, int64_t M, int64_t N, int64_t K,
          bool transposeA, bool transposeB, bool accumulate);
}
#if defined(__x86_64__)
const KernelTable& avx512bf16Table();
#endif
namespace neon {
extern const KernelTable table;
}

// Order of src/tensor/cpu/device.ts.
enum ActivationKind { kGelu = 0, kGeluTanh = 1, kSilu = 2, kRelu = 3, kRelu2 = 4 };

// Order of src/tensor/cpu/families.ts.
enum UnaryKind { kTanh = 0, kSigmoid = 1, kExp = 2, kLog = 3, kLogSigmoid = 4, kSquare = 5 };
enum RecurrentKind { kLstm = 0, kGru = 1, kRnnTanh = 2, kRnnRelu = 3 };
enum GroupedKind { kGroupedForward = 0, kGroupedInput = 1, kGroupedWeight = 2 };

}  // namespace nuwa
