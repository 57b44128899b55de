// Rotary position embedding (Su et al. 2021), pairs (i, i + D/2).
#include "vector.h"

namespace nuwa {
namespace NUWA_ISA {

// Row b·T + t of x stands at positions[b·T + t], or at offset + t where there are none; the table has `angles` rows.
void rope(Context& context, float* out, const float* x, const float* table, const int32_t* positions, int64_t angles,
          int64_t B, int64_t T, int64_t H, int64_t D, int64_t offset, bool inverse) {
  for (int64_t row = 0; positions != nullptr && row < B * T; row++) {
    if (positions[row] < 0 || positions[row] >= angles) {
      fail("VALUE", "rope: expected positions from 0 to %lld, got %d for time step %lld of text %lld",
           static_cast<long long>(angles - 1), positions[row], static_cast<long long>(row % T),
           static_cast<long long>(row / T));
    }
  }
  const int64_t half = D / 2;
  const float direction = inverse ? -1.0f : 1.0f;
  parallelRange(context, B * T, rowGrain(H * D), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t position = positions == nullptr ? offset + row % T : positions[row];
      const float* cosine = table + position * D;
      const float* sine = cosine + half;
      for (int64_t h = 0; h < H; h++) {
        const float* in = x + (row * H + h) * D;
        float* to = out + (row * H + h) * D;
        for (int64_t i = 0; i < half; i++) {
          const float a = in[i], b = in[i + half], s = direction * sine[i];
          to[i] = a * cosine[i] - b * s;
          to[i + half] = b * cosine[i] + a * s;
        }
      }
    }
  });
}

}  // namespace NUWA_ISA
}  // namespace nuwa
