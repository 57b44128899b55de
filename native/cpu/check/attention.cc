// Attention forward and backward, with each kind of mask, grouped heads, more keys than queries, tiles with ragged ends.
#include "check.h"

namespace check {

void attention(Run& run) {
  auto& [k, c, random, results] = run;
  const int64_t shapes[][6] = {{1, 1, 1, 1, 1, 4}, {2, 5, 5, 2, 1, 6}, {1, 150, 150, 4, 2, 20}, {1, 300, 300, 1, 1, 33}, {2, 3, 9, 2, 2, 8}, {1, 1, 40, 2, 1, 16}, {1, 330, 470, 2, 2, 8}};
  enum Kind { kCausal, kBidirectional, kWindow, kRelative, kBias, kMask, kSegments, kKinds };
  for (const auto& [B, T, S, H, K, D] : shapes) {
    for (int kind = 0; kind < kKinds; kind++) {
      const int64_t queries = B * T * H * D, keys = B * S * K * D, positions = S + 2;
      const Floats q = random.floats(queries), key = random.floats(keys), v = random.floats(keys), dout = random.floats(queries);
      const Floats relative = random.floats(H * (2 * positions - 1)), bias = random.floats(B * H * T * S);
      const auto mask = random.ids(T * S, 3), segments = random.ids(B * S, 4);
      const int64_t far = S + T, left = kind == kWindow ? 4 : far, right = kind == kBidirectional ? far : 0;
      const float *by = kind == kRelative ? relative.data() : nullptr, *add = kind == kBias ? bias.data() : nullptr;
      const int32_t* shown = kind == kMask ? mask.data() : nullptr;
      const int32_t* own = kind == kSegments ? segments.data() : nullptr;
      const int64_t batch = kind == kBias ? H * T * S : 0, head = kind == kBias ? T * S : 0;
      const double p = kind == kSegments ? 0.3 : 0.0;  // dropout
      Floats out = empty(queries), lse = empty(B * H * T);
      k.attention(c, out.data(), lse.data(), q.data(), key.data(), v.data(), by, add, shown, own, B, T, S, S, H, K, D,
                  left, right, positions, batch, head, S, 0.3f, p, 1, 2, 3, 4, 5);
      run.keep("attention", out);
      Floats finite = lse;  // infinite for a row that sees no key
      for (float& value : finite) value = std::isinf(value) ? 1e3f : value;
      run.keep("attention logSumExp", finite);
      Floats dq = empty(queries), dk = empty(keys), dv = empty(keys), drelative = empty(by == nullptr ? 0 : H * (2 * positions - 1));
      k.attentionBackward(c, dq.data(), dk.data(), dv.data(), by == nullptr ? nullptr : drelative.data(), dout.data(),
                          out.data(), lse.data(), q.data(), key.data(), v.data(), by, add, shown, own, B, T, S, S, H, K,
                          D, left, right, positions, batch, head, S, 0.3f, p, 1, 2, 3, 4, 5);
      run.keep("attentionBackward dq", dq);
      run.keep("attentionBackward dk", dk);
      run.keep("attentionBackward dv", dv);
      run.keep("attentionBackward drelative", drelative);
    }
  }
  const Floats angles = random.floats(12 * 10), x = random.floats(2 * 9 * 3 * 10);
  Floats out(x.size());
  const std::vector<int32_t> positions = {0, 1, 2, 0, 1, 2, 3, 0, 11, 5, 5, 4, 3, 2, 1, 0, 10, 11};
  for (const bool inverse : {false, true}) {
    k.rope(c, out.data(), x.data(), angles.data(), nullptr, 12, 2, 9, 3, 10, 3, inverse);
    run.keep("rope", out);
    k.rope(c, out.data(), x.data(), angles.data(), positions.data(), 12, 2, 9, 3, 10, 0, inverse);
    run.keep("rope with positions", out);
  }
}

}  // namespace check
