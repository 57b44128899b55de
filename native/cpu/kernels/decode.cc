// Weights of fewer bits: packing, looking up rows, and products with few rows (decoding) or many (prefill).
#include "math.h"
#include "panels.h"
#include "rows.h"

namespace nuwa {
namespace NUWA_ISA {

namespace {

// Up to here the weight is read once for all rows; above, unpacking it into panels pays.
constexpr int64_t kFewRows = 16;

void linearFewRows(Context& context, float* out, const float* x, const Weight& weight, const float* bias,
                   int64_t rows) {
  void* memory = context.decode.reserve(static_cast<size_t>(inputBytes(weight.kind, rows, weight.width)));
  const Inputs in = prepareInputs(weight.kind, x, rows, weight.width, memory);
  const int64_t outputs = weight.rows;
  parallelRange(context, outputs, columnGrain(weight, rows), [&](int64_t begin, int64_t end) {
    fewRows(weight, in, rows, begin, end, [&](int64_t row, int64_t column, float value) {
      out[row * outputs + column] = bias == nullptr ? value : value + bias[column];
    });
  });
}

// Each task unpacks a block of the weight into panels once and multiplies all rows by it, strip by strip; where columns are
// too few for the threads, tasks share out the rows too.
void linearManyRows(Context& context, float* out, const float* x, const Weight& weight, const float* bias,
                    int64_t rows) {
  constexpr int64_t kDepth = 320, kColumns = 4 * NR, kRows = 240 / MR * MR;
  const int64_t outputs = weight.rows, K = weight.width;
  const int64_t across = divideUp(outputs, kColumns);
  const bool manyColumns = across >= 4 * context.pool.threads();
  const int64_t share = manyColumns ? rows : roundUp(divideUp(rows, divideUp(rows, kRows)), MR);
  const int64_t down = divideUp(rows, share);
  float* base = context.perThread(kDepth * (kColumns + NR));
  const int64_t stride = context.perThreadStride();
  parallelTiles(context, across * down, [&](int64_t tile, int thread) {
    float* panels = base + thread * stride;
    float* unpacked = panels + kDepth * kColumns;
    const int64_t column = tile / down * kColumns, columns = minimum(kColumns, outputs - column);
    const int64_t first = tile % down * share, end = minimum(rows, first + share);
    for (int64_t k0 = 0; k0 < K; k0 += kDepth) {
      const int64_t depth = minimum(kDepth, K - k0);
      for (int64_t j = 0; j < columns; j += NR) {
        const int64_t count = minimum(int64_t{NR}, columns - j);
        for (int64_t c = 0; c < count; c++) unpackRow(weight, column + j + c, k0, depth, unpacked + c * depth);
        packPanelTransposed(panels + j * depth, unpacked, depth, depth, count);
      }
      for (int64_t row = first; row < end; row += kRows) {
        blockProduct<false>(minimum(kRows, end - row), columns, depth, x + row * K + k0, K, panels, NR * depth,
                            out + row * outputs + column, outputs, k0 > 0,
                            bias == nullptr || k0 > 0 ? nullptr : bias + column);
      }
    }
  });
}

// (i, i + D/2) turned by the angles of one position, or copied when there are none.
NUWA_INLINE void rotate(float* out, const float* x, const float* angles, int64_t D) {
  const int64_t half = D / 2;
  if (angles == nullptr) {
    memcpy(out, x, sizeof(float) * static_cast<size_t>(D));
    return;
  }
  for (int64_t i = 0; i < half; i++) {
    const float a = x[i], b = x[i + half];
    out[i] = a * angles[i] - b * angles[half + i];
    out[i + half] = b * angles[i] + a * angles[half + i];
  }
}

// N vectors of Σ weights[s] · values[s], times a factor.
template <int N>
NUWA_INLINE void mix(float* out, const float* values, const float* weights, int64_t count, int64_t step, float factor) {
  vf sum[N] = {};
  for (int64_t s = 0; s < count; s++) {
#pragma GCC unroll 8
    for (int i = 0; i < N; i++) sum[i] += weights[s] * load(values + s * step + i * W);
  }
  for (int i = 0; i < N; i++) store(out + i * W, sum[i] * factor);
}

}  // namespace

void linearWeight(Context& context, float* out, const float* x, const void* values, int kind, const float* bias,
                  int64_t rows, int64_t outputs, int64_t inputs) {
  if (rows == 0 || outputs == 0) return;
  const Weight weight{values, kind, outputs, inputs};
  if (rows <= kFewRows) linearFewRows(context, out, x, weight, bias, rows);
  else linearManyRows(context, out, x, weight, bias, rows);
}

void embeddingWeight(Context& context, float* out, const void* values, int kind, const int32_t* ids, int64_t rows,
                     int64_t width, int64_t vocabulary) {
  const Weight weight{values, kind, vocabulary, width};
  for (int64_t row = 0; row < rows; row++) {
    if (ids[row] < 0 || ids[row] >= vocabulary) {
      fail("VALUE", "embedding: expected ids from 0 to %lld, got %d at row %lld",
           static_cast<long long>(vocabulary - 1), ids[row], static_cast<long long>(row));
    }
  }
  parallelRange(context, rows, rowGrain(width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) unpackRow(weight, ids[row], 0, width, out + row * width);
  });
}

// x (count, width) becomes rows [first, first + count) of the weight.
void packWeight(Context& context, void* values, int kind, const float* x, int64_t first, int64_t count, int64_t rows,
                int64_t width) {
  const Weight weight{values, kind, rows, width};
  const int64_t stride = weight.stride(), blocks = weight.blocks();
  parallelRange(context, count, rowGrain(width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const float* from = x + row * width;
      if (kind == kWeightFloat32) {
        memcpy(const_cast<float*>(weight.floats(first + row)), from, sizeof(float) * static_cast<size_t>(width));
      } else if (kind == kWeightBfloat16) {
        uint16_t* to = const_cast<uint16_t*>(weight.halves(first + row));
        for (int64_t i = 0; i < stride; i++) to[i] = i < width ? toBfloat16(from[i]) : uint16_t{0};
      } else {
        int8_t* to = const_cast<int8_t*>(weight.bytes(first + row));
        uint16_t* scales = const_cast<uint16_t*>(weight.scales(first + row));
        for (int64_t b = 0; b < blocks; b++) {
          const int64_t n = minimum(kBlock, width - b * kBlock);
          float top = 0.0f;
          for (int64_t i = 0; i < n; i++) {
            const float magnitude = __builtin_fabsf(from[b * kBlock + i]);
            top = magnitude > top ? magnitude : top;
          }
          const float scale = top / 127.0f, inverse = scale != 0.0f ? 1.0f / scale : 0.0f;
          scales[b] = toHalf(scale);
          for (int64_t i = 0; i < kBlock; i++) {
            const float value = i < n ? from[b * kBlock + i] * inverse : 0.0f;
            to[b * kBlock + i] = static_cast<int8_t>(value == value ? __builtin_roundf(value) : 0.0f);
          }
        }
      }
    }
  });
}

void unpackWeight(Context& context, float* out, const void* values, int kind, int64_t rows, int64_t width) {
  const Weight weight{values, kind, rows, width};
  parallelRange(context, rows, rowGrain(width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) unpackRow(weight, row, 0, width, out + row * width);
  });
}

// One new time step of each text, appended to its cache and attended from: text b stands at positions[b].
// Queries and keys are rotated first when there is a table. Each text's result is the same whatever the others are.
void attentionStep(Context& context, float* out, const float* q, const float* k, const float* v, float* keys,
                   float* values, const int32_t* positions, const float* table, int64_t B, int64_t capacity, int64_t H,
                   int64_t K, int64_t D, float scale) {
  int64_t longest = 0;
  for (int64_t b = 0; b < B; b++) {
    if (positions[b] < 0 || positions[b] >= capacity) {
      fail("VALUE", "attention: expected positions from 0 to %lld, got %d for text %lld",
           static_cast<long long>(capacity - 1), positions[b], static_cast<long long>(b));
    }
    longest = maximum(longest, positions[b] + 1);
  }
  const int64_t scoreFloats = roundUp(longest, W);
  float* base = context.perThread(scoreFloats + D);
  const int64_t stride = context.perThreadStride();
  for (int64_t b = 0; b < B; b++) {
    const float* angles = table == nullptr ? nullptr : table + positions[b] * D;
    for (int64_t head = 0; head < K; head++) {
      const int64_t from = (b * K + head) * D, to = ((b * capacity + positions[b]) * K + head) * D;
      rotate(keys + to, k + from, angles, D);
      memcpy(values + to, v + from, sizeof(float) * static_cast<size_t>(D));
    }
  }
  parallelTiles(context, B * H, [&](int64_t tile, int thread) {
    const int64_t b = tile / H, h = tile % H, head = h / (H / K), seen = positions[b] + 1, step = K * D;
    float* scores = base + thread * stride;
    float* query = scores + scoreFloats;
    rotate(query, q + tile * D, table == nullptr ? nullptr : table + positions[b] * D, D);
    const float* key = keys + (b * capacity * K + head) * D;
    const float* value = values + (b * capacity * K + head) * D;
    float* to = out + tile * D;
    const int64_t whole = D / W * W;
    float top = -__builtin_inff();
    for (int64_t s = 0; s < seen; s++) {
      vf dot = {};
      for (int64_t d = 0; d < whole; d += W) dot += load(query + d) * load(key + s * step + d);
      float score = sumLanes(dot);
      for (int64_t d = whole; d < D; d++) score += query[d] * key[s * step + d];
      scores[s] = score * scale;
      top = scores[s] > top ? scores[s] : top;
    }
    for (int64_t s = seen; s < roundUp(seen, W); s++) scores[s] = -__builtin_inff();
    vf total = {};
    for (int64_t s = 0; s < seen; s += W) {
      const vf p = exponential(load(scores + s) - top);
      store(scores + s, p);
      total += p;
    }
    const float inverse = 1.0f / sumLanes(total);
    // Eight vectors of the result at a time stay in registers while all values pass.
    int64_t d = 0;
    for (; d + 8 * W <= D; d += 8 * W) mix<8>(to + d, value + d, scores, seen, step, inverse);
    for (; d + W <= D; d += W) mix<1>(to + d, value + d, scores, seen, step, inverse);
    for (; d < D; d++) {
      float sum = 0.0f;
      for (int64_t s = 0; s < seen; s++) sum += scores[s] * value[s * step + d];
      to[d] = sum * inverse;
    }
  });
}

// Reads all of x and keeps almost nothing: what memory can give, when x is much larger than the caches. Four streams
// in each piece, as the products have.
void readThrough(Context& context, float* out, const float* x, int64_t n) {
  constexpr int64_t kPiece = int64_t{1} << 18;
  const int64_t pieces = divideUp(n, kPiece);
  float* sums = static_cast<float*>(context.partial.reserve(sizeof(float) * static_cast<size_t>(pieces)));
  parallelTiles(context, pieces, [&](int64_t piece, int) {
    const float* from = x + piece * kPiece;
    const int64_t quarter = minimum(kPiece, n - piece * kPiece) / 4 / (2 * W) * (2 * W);
    vf sum[8] = {};
    for (int64_t i = 0; i < quarter; i += 2 * W) {
#pragma GCC unroll 4
      for (int s = 0; s < 4; s++) {
        sum[2 * s] += load(from + s * quarter + i);
        sum[2 * s + 1] += load(from + s * quarter + i + W);
      }
    }
    vf total = {};
    for (int s = 0; s < 8; s++) total += sum[s];
    sums[piece] = sumLanes(total);
  });
  float total = 0.0f;
  for (int64_t piece = 0; piece < pieces; piece++) total += sums[piece];
  *out = total;
}

}  // namespace NUWA_ISA
}  // namespace nuwa
