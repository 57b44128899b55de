// Runs every kernel of every instruction set on odd sizes, in buffers of exactly the right size, for the sanitizers
// (scripts/sanitize.sh) and for emulated processors (scripts/check-arm64.sh, scripts/check-avx512.sh), and holds the
// results of all sets and thread counts together. Fails when a kernel of kernels.h is never called. Needs no Node.
//   driver [set ...]   the sets to check, without the thread pool; default: all that were compiled, and the pool
#include <cstdio>

#include "check.h"

namespace {

using check::Result;

enum KernelIndex {
#define NUWA_INDEX(name, ...) kIndex_##name,
  NUWA_KERNELS(NUWA_INDEX)
#undef NUWA_INDEX
      kKernels
};

const char* const kKernelNames[] = {
#define NUWA_KERNEL_NAME(name, ...) #name,
    NUWA_KERNELS(NUWA_KERNEL_NAME)
#undef NUWA_KERNEL_NAME
};

const nuwa::KernelTable* counted;
int64_t calls[kKernels];

// Counts, then calls the kernel of the set that is being checked.
template <int Index, typename Member>
struct Counting;
template <int Index, typename... Arguments>
struct Counting<Index, void (*nuwa::KernelTable::*)(nuwa::Context&, Arguments...)> {
  template <void (*nuwa::KernelTable::*Member)(nuwa::Context&, Arguments...)>
  static void call(nuwa::Context& context, Arguments... arguments) {
    calls[Index]++;
    (counted->*Member)(context, arguments...);
  }
};

nuwa::KernelTable counting(const nuwa::KernelTable& table) {
  counted = &table;
  nuwa::KernelTable result = table;
#define NUWA_COUNT(name, ...) \
  result.name = Counting<kIndex_##name, decltype(&nuwa::KernelTable::name)>::template call<&nuwa::KernelTable::name>;
  NUWA_KERNELS(NUWA_COUNT)
#undef NUWA_COUNT
  return result;
}

std::vector<Result> runAll(const nuwa::KernelTable& table, int threads) {
  const nuwa::KernelTable kernels = counting(table);
  check::Run run(kernels, threads);
  check::products(run);
  check::attention(run);
  check::layers(run);
  check::elementwise(run);
  check::optimizers(run);
  check::families(run);
  check::weights(run);
  return run.results;
}

bool sameBits(const std::vector<Result>& a, const std::vector<Result>& b) {
  bool same = a.size() == b.size();
  for (size_t i = 0; i < a.size() && i < b.size(); i++) {
    const size_t bytes = a[i].values.size() * sizeof(float);
    const bool sizes = a[i].values.size() == b[i].values.size();
    if (sizes && (bytes == 0 || std::memcmp(a[i].values.data(), b[i].values.data(), bytes) == 0)) continue;
    std::printf("  result %zu (%s) differs between numbers of threads\n", i, a[i].name);
    same = false;
  }
  return same;
}

struct Worst {
  double difference = 0;
  bool within = true;
};

Worst compare(const std::vector<Result>& expected, const std::vector<Result>& found) {
  Worst worst;
  for (size_t i = 0; i < expected.size(); i++) {
    const auto& [name, tolerance, a] = expected[i];
    const auto& b = found[i].values;
    double squares = 1e-12, most = 0;
    for (const float value : a) squares += static_cast<double>(value) * value;
    const double scale = std::sqrt(squares / static_cast<double>(a.size()));
    for (size_t j = 0; j < a.size(); j++) {
      if (a[j] == b[j]) continue;
      const double difference = std::fabs(static_cast<double>(a[j]) - b[j]) / (scale + std::fabs(a[j]));
      if (!(difference <= most)) most = difference;  // NaN counts as worse than anything
    }
    if (!(most <= tolerance)) {
      std::printf("  result %zu (%s) is %.1e from portable, more than %.1e\n", i, name, most, tolerance);
      worst.within = false;
    }
    if (!(most <= worst.difference)) worst.difference = most;
  }
  return worst;
}

bool wanted(const char* name, int argc, char** argv) {
  for (int i = 1; i < argc; i++) {
    if (std::strcmp(argv[i], name) == 0) return true;
  }
  return argc == 1;
}

}  // namespace

int main(int argc, char** argv) {
  int failures = 0;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const nuwa::KernelTable* tables[] = {
      &nuwa::portable::table,
#if defined(__x86_64__)
      &nuwa::avx2::table,
      &nuwa::avx512::table,  // scripts/sanitize.sh compiles this width for AVX2 machines too
      &nuwa::avx512bf16Table(),
#elif defined(__aarch64__)
      &nuwa::neon::table,
#endif
  };
  const std::vector<Result> expected = runAll(nuwa::portable::table, 1);
  for (int i = 0; i < kKernels; i++) {
    if (calls[i] != 0) continue;
    std::printf("kernel %s has no check: add one to native/cpu/check\n", kKernelNames[i]);
    failures++;
  }
  for (const nuwa::KernelTable* table : tables) {
    if (!wanted(table->name, argc, argv)) continue;
    const std::vector<Result> alone = runAll(*table, 1);
    const bool same = sameBits(alone, runAll(*table, 2)) && sameBits(alone, runAll(*table, 7));
    const Worst worst = compare(expected, alone);
    std::printf("%-10s width %2d: %d kernels, %zu results, 1, 2 and 7 threads %s, largest difference to portable %.1e\n",
                table->name, table->vectorWidth, kKernels, alone.size(), same ? "agree" : "DIFFER", worst.difference);
    if (!same || !worst.within) failures++;
    if (check::scratchFailure(*table) != 0) failures++;
  }
  if (argc == 1) {
    if (check::poolStress() != 0) failures++;
    else std::printf("pool: every tile ran once, in its own job\n");
  }
  std::printf("%s\n", failures == 0 ? "all checks passed" : "FAILED");
  return failures == 0 ? 0 : 1;
}
