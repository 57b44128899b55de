// What a device owns natively: its threads, scratch memory for packing, and the kernels chosen for this processor.
#pragma once
#include <cstddef>
#include <cstdint>

#include "pool.h"

namespace nuwa {

struct KernelTable;

// Thrown on the calling thread, never inside a parallel region; becomes a NuwaError in JavaScript.
struct Failure {
  const char* code;
  char message[256];
};

[[noreturn]] void fail(const char* code, const char* format, ...) __attribute__((format(printf, 2, 3)));

// 64-byte aligned, or null. Not zeroed. Large pieces come from the system and go back to it at once.
void* allocateAligned(size_t bytes, bool zeroed = false);
void freeAligned(void* pointer, size_t bytes);

// How much scratch memory a context may hold, and holds.
struct ScratchBudget {
  size_t used = 0;
  size_t limit = SIZE_MAX;
};

// Memory that only grows: kernels of one size ask again and again and get the same block.
class Scratch {
 public:
  explicit Scratch(ScratchBudget& budget) : budget_(budget) {}
  ~Scratch() { freeAligned(pointer_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  // Contents are undefined. Fails with MEMORY, and then holds nothing.
  void* reserve(size_t bytes);
  size_t bytes() const { return bytes_; }

 private:
  ScratchBudget& budget_;
  void* pointer_ = nullptr;
  size_t bytes_ = 0;
};

struct Context {
  Context(int threads, const KernelTable* table) : pool(threads), kernels(table) {}
  Pool pool;
  const KernelTable* kernels;
  // Products round their operands to bfloat16 and sum in float32.
  bool bfloat16Products = false;

 private:
  ScratchBudget scratch_;

 public:
  Scratch packedA{scratch_};
  Scratch packedB{scratch_};
  Scratch partial{scratch_};
  Scratch decode{scratch_};

  // What packing and partial sums may take from now on, in bytes; what is held stays.
  void limitScratch(size_t bytes) { scratch_.limit = bytes; }
  size_t scratchBytes() const { return scratch_.used; }

  // `floats` for each thread, each start on its own cache line.
  float* perThread(int64_t floats) {
    stride_ = (floats + 31) / 16 * 16;
    return static_cast<float*>(threadScratch_.reserve(sizeof(float) * stride_ * pool.threads()));
  }
  int64_t perThreadStride() const { return stride_; }

 private:
  Scratch threadScratch_{scratch_};
  int64_t stride_ = 0;
};

// The table that NUWA_CPU names ("portable", "avx2", "avx512", "avx512bf16", "neon"), else the best one this processor
// runs.
const KernelTable* chooseKernels(const char* forced);
// Names of the instruction sets compiled in that this processor can run, best first, ended by null.
const char* const* runnableInstructionSets();

}  // namespace nuwa
