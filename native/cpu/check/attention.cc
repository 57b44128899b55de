// Attention forward and backward, with and without the causal mask, grouped heads, a cache, tiles with ragged ends.
#include "check.h"

namespace check {

void attention(Run& run) {
  auto& [k, c, random, results] = run;
  const int64_t shapes[][6] = {{1, 1, 1, 1, 1, 4}, {2, 5, 5, 2, 1, 6}, {1, 150, 150, 4, 2, 20}, {1, 300, 300, 1, 1, 33}, {2, 3, 9, 2, 2, 8}, {1, 1, 40, 2, 1, 16}};
  for (const auto& [B, T, S, H, K, D] : shapes) {
    for (const bool causal : {true, false}) {
      const int64_t queries = B * T * H * D, keys = B * S * K * D;
      const Floats q = random.floats(queries), key = random.floats(keys), v = random.floats(keys), dout = random.floats(queries);
      Floats out = empty(queries), lse = empty(B * H * T);
      k.attention(c, out.data(), lse.data(), q.data(), key.data(), v.data(), B, T, S, S, H, K, D, causal, 0.3f);
      run.keep("attention", out);
      run.keep("attention logSumExp", lse);
      if (S != T) continue;
      Floats dq = empty(queries), dk = empty(keys), dv = empty(keys);
      k.attentionBackward(c, dq.data(), dk.data(), dv.data(), dout.data(), out.data(), lse.data(), q.data(), key.data(),
                          v.data(), B, T, H, K, D, causal, 0.3f);
      run.keep("attentionBackward dq", dq);
      run.keep("attentionBackward dk", dk);
      run.keep("attentionBackward dv", dv);
    }
  }
  const Floats angles = random.floats(12 * 10), x = random.floats(2 * 9 * 3 * 10);
  Floats out(x.size());
  for (const bool inverse : {false, true}) {
    k.rope(c, out.data(), x.data(), angles.data(), 2, 9, 3, 10, 3, inverse);
    run.keep("rope", out);
  }
}

}  // namespace check
