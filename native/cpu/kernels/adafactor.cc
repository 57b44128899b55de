// Adafactor: second moments of a matrix kept as row and column means. Sums go through fixed pieces of rows, in order.
#include <cmath>

#include "vector.h"

namespace nuwa {
namespace NUWA_ISA {

namespace {

// Pieces of a matrix's rows: each keeps one row of partial column sums, so there are few of them.
constexpr int64_t kPiecesMost = 64;

struct Shape {
  int64_t rows, columns, grain, pieces;
  Shape(int64_t r, int64_t c)
      : rows(r), columns(c), grain(maximum(rowGrain(c), divideUp(r, kPiecesMost))), pieces(divideUp(r, grain)) {}
};

NUWA_INLINE float clampedRoot(float variance, float least) {
  return 1.0f / __builtin_sqrtf(variance > least ? variance : least);
}

NUWA_INLINE double squaresOf(const float* x, int64_t n) {
  double lanes[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int j = 0; j < 8; j++) lanes[j] += static_cast<double>(x[i + j]) * x[i + j];
  }
  for (int j = 0; i < n; i++, j++) lanes[j] += static_cast<double>(x[i]) * x[i];
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

}  // namespace

// Matrices (matrices, rows, columns): row (matrices, rows), column (matrices, columns). With column null every element
// has a second moment of its own, in row.
void adafactor(Context& context, float* parameter, const float* gradient, float* row, float* column,
               const float* gradientScale, int64_t matrices, int64_t rows, int64_t columns, double learningRate,
               double newShare, double epsilon1, double epsilon2, double clipThreshold, double weightDecay,
               double step) {
  const float scale = gradientScale == nullptr ? 1.0f : *gradientScale;
  if (scale == 0.0f) return;
  const Shape shape(rows, columns);
  const int64_t size = rows * columns, n = matrices * size, tiles = matrices * shape.pieces;
  if (n == 0) return;
  const bool factored = column != nullptr;
  const float share = static_cast<float>(newShare);
  const float least = static_cast<float>(epsilon1 * epsilon1);
  const auto round64 = [](int64_t bytes) { return roundUp(bytes, 64); };
  const int64_t doubles = round64(8 * (2 * tiles + matrices));
  char* scratch = static_cast<char*>(context.partial.reserve(
      static_cast<size_t>(doubles + (factored ? 4 * tiles * columns : 0))));
  double* parameterSquares = reinterpret_cast<double*>(scratch);
  double* updateSquares = parameterSquares + tiles;
  double* inverseRowMean = updateSquares + tiles;
  float* partial = reinterpret_cast<float*>(scratch + doubles);

  // Calls body(matrix, piece, first row, last row).
  const auto pieces = [&](const auto& body) {
    parallelTiles(context, tiles, [&](int64_t tile, int) {
      const int64_t begin = tile % shape.pieces * shape.grain;
      body(tile / shape.pieces, tile, begin, minimum(rows, begin + shape.grain));
    });
  };

  // Once through gradient and parameter: both means, and the parameter's size.
  pieces([&](int64_t matrix, int64_t tile, int64_t begin, int64_t end) {
    const float* p = parameter + matrix * size;
    const float* g = gradient + matrix * size;
    parameterSquares[tile] = squaresOf(p + begin * columns, (end - begin) * columns);
    if (!factored) {
      float* variance = row + matrix * size;
      for (int64_t i = begin * columns; i < end * columns; i++) {
        const float value = g[i] * scale;
        variance[i] += share * (value * value - variance[i]);
      }
      return;
    }
    float* sums = partial + tile * columns;
    for (int64_t c = 0; c < columns; c++) sums[c] = 0.0f;
    const int64_t whole = columns / W * W;
    for (int64_t r = begin; r < end; r++) {
      const float* from = g + r * columns;
      vf lanes{};
      for (int64_t c = 0; c < whole; c += W) {
        const vf value = load(from + c) * scale, square = value * value;
        lanes += square;
        store(sums + c, load(sums + c) + square);
      }
      float total = sumLanes(lanes);
      for (int64_t c = whole; c < columns; c++) {
        const float value = from[c] * scale, square = value * value;
        total += square;
        sums[c] += square;
      }
      float& mean = row[matrix * rows + r];
      mean += share * (total / static_cast<float>(columns) - mean);
    }
  });
  if (factored) {
    parallelRange(context, matrices * columns, 1024, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const float* sums = partial + i / columns * shape.pieces * columns + i % columns;
        float total = 0;
        for (int64_t piece = 0; piece < shape.pieces; piece++) total += sums[piece * columns];
        column[i] += share * (total / static_cast<float>(rows) - column[i]);
      }
    });
    for (int64_t matrix = 0; matrix < matrices; matrix++) {
      double total = 0;
      for (int64_t r = 0; r < rows; r++) total += row[matrix * rows + r];
      const double mean = total / static_cast<double>(rows);
      inverseRowMean[matrix] = 1.0 / (mean > epsilon1 ? mean : epsilon1);
    }
  }

  // u = g / √v̂ for one row, handed to `use(element, u)`.
  const auto updates = [&](int64_t matrix, int64_t r, const auto& use) {
    const int64_t at = matrix * size + r * columns;
    const float* g = gradient + at;
    if (!factored) {
      for (int64_t c = 0; c < columns; c++) use(at + c, c, g[c] * scale * clampedRoot(row[at + c], least));
      return;
    }
    const float ofRow = static_cast<float>(row[matrix * rows + r] * inverseRowMean[matrix]);
    const float* means = column + matrix * columns;
    for (int64_t c = 0; c < columns; c++) use(at + c, c, g[c] * scale * clampedRoot(ofRow * means[c], least));
  };
  pieces([&](int64_t matrix, int64_t tile, int64_t begin, int64_t end) {
    float lanes[16];
    double total = 0;
    for (int64_t r = begin; r < end; r++) {
      for (int i = 0; i < 16; i++) lanes[i] = 0.0f;
      updates(matrix, r, [&](int64_t, int64_t c, float u) { lanes[c & 15] += u * u; });
      for (int half = 8; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
      }
      total += lanes[0];
    }
    updateSquares[tile] = total;
  });
  double parameterTotal = 0, updateTotal = 0;
  for (int64_t tile = 0; tile < tiles; tile++) {
    parameterTotal += parameterSquares[tile];
    updateTotal += updateSquares[tile];
  }
  const double elements = static_cast<double>(n);
  const double parameterRms = std::sqrt(parameterTotal / elements), updateRms = std::sqrt(updateTotal / elements);
  const double inverseRootStep = 1.0 / std::sqrt(step);
  const double relative = learningRate < inverseRootStep ? learningRate : inverseRootStep;
  const double clip = updateRms / clipThreshold;
  // Written so that a NaN stays one.
  const double rate = (parameterRms <= epsilon2 ? epsilon2 : parameterRms) * relative / (clip <= 1.0 ? 1.0 : clip);
  const float decay = static_cast<float>(1.0 - learningRate * weightDecay), rate32 = static_cast<float>(rate);
  pieces([&](int64_t matrix, int64_t, int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      updates(matrix, r, [&](int64_t i, int64_t, float u) { parameter[i] = decay * parameter[i] - rate32 * u; });
    }
  });
}

}  // namespace NUWA_ISA
}  // namespace nuwa
