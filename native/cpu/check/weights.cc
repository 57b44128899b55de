// Weights of fewer bits, products with them, and decoding's attention.
#include "check.h"

namespace check {

void weights(Run& run) {
  auto& [k, c, random, results] = run;
  const int64_t sizes[][3] = {{1, 1, 1}, {1, 37, 19}, {3, 33, 70}, {16, 17, 64}, {17, 30, 401}, {250, 7, 333}};
  for (int kind = 0; kind < 3; kind++) {
    for (const auto& [M, N, K] : sizes) {
      const int64_t padded = (K + 31) / 32 * 32;
      const Floats x = random.floats(M * K), matrix = random.floats(N * K), bias = random.floats(N);
      // Float32 lies as it is; the others are padded, with two bytes of scale a block and a margin after int8.
      std::vector<char> weight(static_cast<size_t>(kind == 0 ? N * K * 4 : N * padded * 2 + 128));
      k.packWeight(c, weight.data(), kind, matrix.data(), 0, N, N, K);
      Floats out = empty(M * N), unpacked = empty(N * K);
      k.unpackWeight(c, unpacked.data(), weight.data(), kind, N, K);
      run.keep("packWeight, unpackWeight", unpacked);
      k.linearWeight(c, out.data(), x.data(), weight.data(), kind, bias.data(), M, N, K);
      run.keep("linearWeight", out, 3e-4);
      const auto ids = random.ids(M, static_cast<int32_t>(N));
      Floats rows = empty(M * K);
      k.embeddingWeight(c, rows.data(), weight.data(), kind, ids.data(), M, K, N);
      run.keep("embeddingWeight", rows);
    }
  }
  const int64_t shapes[][5] = {{1, 5, 1, 1, 4}, {3, 40, 4, 2, 20}, {2, 300, 2, 1, 64}, {2, 9, 2, 2, 134}};
  for (const auto& [B, capacity, H, K, D] : shapes) {
    const Floats q = random.floats(B * H * D), key = random.floats(B * K * D), v = random.floats(B * K * D);
    const Floats table = random.floats(capacity * D);
    Floats keys = random.floats(B * capacity * K * D), values = random.floats(B * capacity * K * D);
    const auto positions = random.ids(B, static_cast<int32_t>(capacity));
    Floats out = empty(B * H * D);
    for (const bool rotated : {true, false}) {
      k.attentionStep(c, out.data(), q.data(), key.data(), v.data(), keys.data(), values.data(), positions.data(),
                      rotated ? table.data() : nullptr, B, capacity, H, K, D, 0.3f);
      run.keep("attentionStep", out);
      run.keep("attentionStep keys", keys);
      run.keep("attentionStep values", values);
    }
  }
  const Floats read = random.floats(700001);
  Floats sum = empty(1);
  k.readThrough(c, sum.data(), read.data(), 700001);
  run.keep("readThrough is a number", {sum[0] == sum[0] ? 1.0f : 0.0f});
}

}  // namespace check
