#include "context.h"

#include <sys/mman.h>

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

namespace {

// malloc would put small objects into the hole a freed block leaves, so that the next block needs a new place: memory
// would grow with every allocation. Mapped pages have no such neighbours, and they are zero.
constexpr size_t kMapped = size_t{256} << 10;
constexpr size_t kHugePage = size_t{2} << 20;

size_t mappedBytes(size_t bytes) { return (bytes + kHugePage - 1) / kHugePage * kHugePage; }

void* map(size_t bytes) {
  void* pointer = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pointer == MAP_FAILED ? nullptr : pointer;
}

// Starts on a huge page, so that the system can use them: fewer misses in the address cache.
void* mapHuge(size_t bytes) {
  const size_t wanted = mappedBytes(bytes);
  char* whole = static_cast<char*>(map(wanted + kHugePage));
  if (whole == nullptr) return nullptr;
  const size_t head = (kHugePage - reinterpret_cast<uintptr_t>(whole) % kHugePage) % kHugePage;
  if (head != 0) munmap(whole, head);
  munmap(whole + head + wanted, kHugePage - head);
#ifdef MADV_HUGEPAGE
  madvise(whole + head, wanted, MADV_HUGEPAGE);
#endif
  return whole + head;
}

}  // namespace

void* allocateAligned(size_t bytes, bool zeroed) {
  if (bytes >= 2 * kHugePage) return mapHuge(bytes);
  if (bytes >= kMapped) return map(bytes);
  void* pointer = nullptr;
  if (posix_memalign(&pointer, 64, bytes == 0 ? 64 : bytes) != 0) return nullptr;
  if (zeroed) memset(pointer, 0, bytes);
  return pointer;
}

void freeAligned(void* pointer, size_t bytes) {
  if (pointer == nullptr) return;
  if (bytes >= 2 * kHugePage) munmap(pointer, mappedBytes(bytes));
  else if (bytes >= kMapped) munmap(pointer, bytes);
  else free(pointer);
}

void* Scratch::reserve(size_t bytes) {
  if (bytes <= bytes_) return pointer_;
  freeAligned(pointer_, bytes_);
  budget_.used -= bytes_;
  bytes_ = 0;
  pointer_ = bytes <= budget_.limit && budget_.used <= budget_.limit - bytes ? allocateAligned(bytes) : nullptr;
  if (pointer_ == nullptr) fail("MEMORY", "could not allocate %zu bytes of scratch memory", bytes);
  bytes_ = bytes;
  budget_.used += bytes;
  return pointer_;
}

#if defined(__x86_64__)
const KernelTable& avx512bf16Table() {
  static const KernelTable table = [] {
    KernelTable copy = avx512::table;
    copy.name = "avx512bf16";
    copy.gemm = avx512bf16::gemm;
    return copy;
  }();
  return table;
}
#endif

namespace {

bool runnable(const KernelTable* table) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (strncmp(table->name, "avx512", 6) == 0) {
    if (strcmp(table->name, "avx512bf16") == 0 && !__builtin_cpu_supports("avx512bf16")) return false;
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
    &avx512bf16Table(),
    &avx512::table,
    &avx2::table,
#elif defined(__aarch64__)
    &neon::table,  // every 64-bit Arm processor has it
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
