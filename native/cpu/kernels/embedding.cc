// Rows of a table by index, and the gradient back into them.
#include "vector.h"

namespace nuwa {
namespace NUWA_ISA {

static void checkIds(const int32_t* ids, int64_t rows, int64_t vocabulary) {
  for (int64_t row = 0; row < rows; row++) {
    if (ids[row] < 0 || ids[row] >= vocabulary) {
      fail("VALUE", "embedding: expected ids from 0 to %lld, got %d at row %lld",
           static_cast<long long>(vocabulary - 1), ids[row], static_cast<long long>(row));
    }
  }
}

void embedding(Context& context, float* out, const float* table, const int32_t* ids, int64_t rows, int64_t width,
               int64_t vocabulary) {
  checkIds(ids, rows, vocabulary);
  parallelRange(context, rows, rowGrain(width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      memcpy(out + row * width, table + ids[row] * width, sizeof(float) * static_cast<size_t>(width));
    }
  });
}

void embeddingBackward(Context& context, float* dtable, const float* dout, const int32_t* ids, int64_t rows,
                       int64_t width, int64_t vocabulary) {
  checkIds(ids, rows, vocabulary);
  // Two rows may meet in one entry, so threads share the columns, not the rows.
  constexpr int64_t kColumns = 32;
  parallelRange(context, width, kColumns, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < rows; row++) {
      float* to = dtable + ids[row] * width;
      const float* from = dout + row * width;
      for (int64_t c = begin; c < end; c++) to[c] += from[c];
    }
  });
}

}  // namespace NUWA_ISA
}  // namespace nuwa
