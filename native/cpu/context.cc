#include "context.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "kernels.h"

namespace nuwa {

void fail(const char* code, const char* format, ...) {
  Failure failure{};
  failure.code = code;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(failure.message, sizeof(failure.message), format, arguments);
  va_end(arguments);
  throw failure;
}

void* allocateAligned(size_t bytes) {
  void* pointer = nullptr;
  if (bytes == 0) bytes = 64;
  return posix_memalign(&pointer, 64, bytes) == 0 ? pointer : nullptr;
}

void freeAligned(void* pointer) { free(pointer); }

void* Scratch::reserve(size_t bytes) {
  if (bytes <= bytes_) return pointer_;
  freeAligned(pointer_);
  bytes_ = 0;
  pointer_ = allocateAligned(bytes);
  if (pointer_ == nullptr) fail("MEMORY", "could not allocate %zu bytes of scratch memory", bytes);
  bytes_ = bytes;
  return pointer_;
}

namespace {

bool runnable(const KernelTable* table) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (strcmp(table->name, "avx512") == 0) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
  }
  if (strcmp(table->name, "avx2") == 0) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  (void)table;
#endif
  return true;
}

// Best first.
const KernelTable* const kTables[] = {
#if defined(__x86_64__)
    &avx512::table,
    &avx2::table,
#endif
    &portable::table,
};

}  // namespace

const char* const* runnableInstructionSets() {
  static const char* names[sizeof(kTables) / sizeof(kTables[0]) + 1] = {};
  static const bool filled = [] {
    int n = 0;
    for (const KernelTable* table : kTables) {
      if (runnable(table)) names[n++] = table->name;
    }
    return true;
  }();
  (void)filled;
  return names;
}

const KernelTable* chooseKernels(const char* forced) {
  if (forced == nullptr || *forced == '\0') {
    for (const KernelTable* table : kTables) {
      if (runnable(table)) return table;
    }
  }
  for (const KernelTable* table : kTables) {
    if (strcmp(table->name, forced) != 0) continue;
    if (!runnable(table)) fail("DEVICE", "NUWA_CPU asks for %s, which this processor does not have", forced);
    return table;
  }
  char names[64] = "";
  for (const char* const* name = runnableInstructionSets(); *name != nullptr; name++) {
    if (*names != '\0') strcat(names, ", ");
    strcat(names, *name);
  }
  fail("DEVICE", "NUWA_CPU asks for \"%.40s\"; this processor runs %s", forced, names);
}

}  // namespace nuwa
