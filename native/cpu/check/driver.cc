// Runs every kernel of every width on odd sizes, in buffers of exactly the right size, for the sanitizers
// (scripts/sanitize.sh), and holds the results of all widths and thread counts together. Needs no Node.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "../kernels.h"

namespace {

using Floats = std::vector<float>;
using Results = std::vector<Floats>;

struct Random {
  uint32_t state = 1;
  float next() {
    state = state * 1664525u + 1013904223u;
    return static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
  Floats floats(int64_t n) {
    Floats values(static_cast<size_t>(n));
    for (float& value : values) value = next();
    return values;
  }
  std::vector<int32_t> ids(int64_t n, int32_t below) {
    std::vector<int32_t> values(static_cast<size_t>(n));
    for (int32_t& value : values) value = static_cast<int32_t>((next() + 1.0f) * 0.4999f * static_cast<float>(below));
    return values;
  }
};

Results runAll(const nuwa::KernelTable& k, int threads) {
  nuwa::Context c(threads, &k);
  Random random;
  Results results;
  const auto keep = [&](const Floats& values) { results.push_back(values); };

  const int64_t sizes[][3] = {{1, 1, 1}, {1, 37, 19}, {3, 33, 70}, {7, 17, 5}, {65, 130, 401}, {200, 47, 333}, {13, 300, 64}};
  for (const auto& [M, N, K] : sizes) {
    for (int flags = 0; flags < 8; flags++) {
      const Floats a = random.floats(M * K), b = random.floats(K * N), bias = random.floats(N);
      Floats out = random.floats(M * N);
      k.gemm(c, out.data(), a.data(), b.data(), (flags & 4) != 0 ? nullptr : bias.data(), M, N, K, (flags & 1) != 0,
             (flags & 2) != 0, (flags & 4) != 0);
      keep(out);
    }
  }

  const int64_t shapes[][6] = {{1, 1, 1, 1, 1, 4}, {2, 5, 5, 2, 1, 6}, {1, 150, 150, 4, 2, 20}, {1, 300, 300, 1, 1, 33}, {2, 3, 9, 2, 2, 8}, {1, 1, 40, 2, 1, 16}};
  for (const auto& [B, T, S, H, K, D] : shapes) {
    for (const bool causal : {true, false}) {
      const int64_t queries = B * T * H * D, keys = B * S * K * D;
      const Floats q = random.floats(queries), key = random.floats(keys), v = random.floats(keys), dout = random.floats(queries);
      Floats out(static_cast<size_t>(queries)), lse(static_cast<size_t>(B * H * T));
      k.attention(c, out.data(), lse.data(), q.data(), key.data(), v.data(), B, T, S, S, H, K, D, causal, 0.3f);
      keep(out);
      keep(lse);
      if (S != T) continue;
      Floats dq(static_cast<size_t>(queries)), dk(static_cast<size_t>(keys)), dv(static_cast<size_t>(keys));
      k.attentionBackward(c, dq.data(), dk.data(), dv.data(), dout.data(), out.data(), lse.data(), q.data(), key.data(),
                          v.data(), B, T, H, K, D, causal, 0.3f);
      keep(dq);
      keep(dk);
      keep(dv);
    }
  }

  for (const int64_t width : {1, 7, 16, 67}) {
    const int64_t rows = 401, n = rows * width;
    const Floats x = random.floats(n), dout = random.floats(n), weight = random.floats(width), bias = random.floats(width);
    Floats out(x.size()), dx(x.size()), mean(static_cast<size_t>(rows)), rstd(static_cast<size_t>(rows));
    Floats dweight(weight.size()), dbias(weight.size()), columns(weight.size()), total(2);
    k.layerNorm(c, out.data(), mean.data(), rstd.data(), x.data(), weight.data(), bias.data(), rows, width, 0.1f);
    keep(out);
    k.layerNormBackward(c, dx.data(), dweight.data(), dbias.data(), dout.data(), x.data(), weight.data(), mean.data(),
                        rstd.data(), rows, width, false, false);
    keep(dx);
    keep(dweight);
    keep(dbias);
    k.rmsNorm(c, out.data(), rstd.data(), x.data(), nullptr, rows, width, 0.1f);
    k.rmsNormBackward(c, dx.data(), dweight.data(), dout.data(), x.data(), weight.data(), rstd.data(), rows, width, true,
                      true);
    keep(out);
    keep(dx);
    k.columnSum(c, columns.data(), dout.data(), rows, width, false);
    keep(columns);
    for (int kind = 0; kind < 5; kind++) {
      k.activation(c, out.data(), x.data(), n, kind);
      k.activationBackward(c, out.data(), dout.data(), x.data(), n, kind, true);
      keep(out);
      k.gated(c, out.data(), x.data(), dout.data(), n, kind);
      Floats other(x.size());
      k.gatedBackward(c, dx.data(), other.data(), dout.data(), x.data(), out.data(), n, kind);
      keep(dx);
    }
    k.axpby(c, out.data(), x.data(), 2.0f, dout.data(), 3.0f, n);
    k.multiply(c, out.data(), x.data(), dout.data(), n, true);
    k.dropout(c, out.data(), out.data(), n, 0.25, 1, 2, 3, 4, 5, false);
    keep(out);
    k.sum(c, total.data(), x.data(), n);
    k.sumOfSquares(c, total.data() + 1, x.data(), n);
    keep(total);
    const auto ids = random.ids(rows, static_cast<int32_t>(width));
    Floats logits = x, losses(static_cast<size_t>(rows));
    k.crossEntropy(c, losses.data(), logits.data(), ids.data(), nullptr, rows, width, true, 0.5f);
    keep(logits);
    keep(losses);
    const auto tokens = random.ids(rows, 11);
    Floats table = random.floats(11 * width);
    k.embedding(c, out.data(), table.data(), tokens.data(), rows, width, 11);
    k.embeddingBackward(c, table.data(), out.data(), tokens.data(), rows, width, 11);
    keep(table);
    std::vector<int32_t> best(static_cast<size_t>(rows));
    k.argmax(c, best.data(), x.data(), rows, width);
    Floats p = x, m(x.size()), v(x.size());
    k.adamW(c, p.data(), dout.data(), m.data(), v.data(), n, 1e-3, 0.9, 0.95, 1e-8, 0.1, 1, 1);
    keep(p);
    k.fill(c, out.data(), n, 1.5f);
    k.fillInt(c, best.data(), rows, 3);
    k.copy(c, dx.data(), out.data(), n * 4);
    keep(dx);
  }
  const Floats angles = random.floats(12 * 10), x = random.floats(2 * 9 * 3 * 10);
  Floats out(x.size());
  k.rope(c, out.data(), x.data(), angles.data(), 2, 9, 3, 10, 3, false);
  keep(out);
  // Many small jobs, with pauses of different lengths: the pool's sleeping and waking.
  Floats small(20000);
  for (int i = 0; i < 3000; i++) k.axpby(c, small.data(), small.data(), 1.0f, small.data(), 1e-3f, 20000 - i % 7 * 3000);
  return results;
}

bool sameBits(const Results& a, const Results& b) {
  for (size_t i = 0; i < a.size(); i++) {
    if (std::memcmp(a[i].data(), b[i].data(), a[i].size() * sizeof(float)) != 0) return false;
  }
  return true;
}

double worstDifference(const Results& a, const Results& b) {
  double worst = 0;
  for (size_t i = 0; i < a.size(); i++) {
    double squares = 1e-12;
    for (const float value : a[i]) squares += static_cast<double>(value) * value;
    const double scale = std::sqrt(squares / static_cast<double>(a[i].size()));
    for (size_t j = 0; j < a[i].size(); j++) {
      const double difference = std::fabs(static_cast<double>(a[i][j]) - b[i][j]) / (scale + std::fabs(a[i][j]));
      if (!(difference <= worst)) worst = difference;
    }
  }
  return worst;
}

}  // namespace

int main() {
  int failures = 0;
  const nuwa::KernelTable* tables[] = {
      &nuwa::portable::table,
#if defined(__x86_64__)
      &nuwa::avx2::table,
      &nuwa::avx512::table,  // scripts/sanitize.sh compiles this width for AVX2 machines too
#endif
  };
  const Results expected = runAll(nuwa::portable::table, 1);
  for (const nuwa::KernelTable* table : tables) {
    const Results alone = runAll(*table, 1);
    const bool same = sameBits(alone, runAll(*table, 2)) && sameBits(alone, runAll(*table, 7));
    const double difference = worstDifference(expected, alone);
    const bool close = difference < 1e-4;
    std::printf("%-9s width %2d: %zu results, 1, 2 and 7 threads %s, largest difference to portable %.1e\n", table->name,
                table->vectorWidth, alone.size(), same ? "agree" : "DIFFER", difference);
    if (!same || !close) failures++;
  }
  return failures == 0 ? 0 : 1;
}
