// Attention: which tiles are seen at all, and what is added to scores.
#include "attention.h"

namespace nuwa {
namespace NUWA_ISA {

namespace {

// Smallest and largest segment of a run, of those that are not padding; from > to when all are.
Range segmentRange(const int32_t* segments, int64_t n) {
  Range range{INT32_MAX, -1};
  for (int64_t i = 0; i < n; i++) {
    if (segments[i] < 0) continue;
    range.from = minimum(range.from, segments[i]);
    range.to = maximum(range.to, segments[i]);
  }
  return range;
}

}  // namespace

bool hidden(const Tile& tile) {
  const Attention& a = tile.a;
  if (tile.columns(0, tile.rows).empty()) return true;
  if (a.segments != nullptr) {
    const int64_t first = maximum(int64_t{0}, a.position(tile.t0)), end = a.position(tile.t0 + tile.rows);
    const int32_t* row = a.segments + tile.b * a.S;
    const Range queries = segmentRange(row + first, end - first), keys = segmentRange(row + tile.s0, tile.keys);
    if (maximum(queries.from, keys.from) > minimum(queries.to, keys.to)) return true;
  }
  if (a.bias == nullptr && a.mask == nullptr) return false;
  for (int64_t r = 0; r < tile.rows; r++) {
    const Range seen = tile.columns(r, r + 1);
    const int64_t at = a.maskAt(tile.b, tile.t0 + r, tile.h) + tile.s0;
    for (int64_t c = seen.from; c < seen.to; c++) {
      // NaN is not hidden: it must reach the result.
      const bool visible = a.mask != nullptr ? a.mask[at + c] != 0 : !(a.bias[at + c] == -kInfinity);
      if (visible) return false;
    }
  }
  return true;
}

void finishScores(const Tile& tile, int64_t r, Range seen, float* scores) {
  const Attention& a = tile.a;
  const int64_t t = tile.t0 + r, position = a.position(t), s0 = tile.s0, at = a.maskAt(tile.b, t, tile.h) + s0;
  for (int64_t c = seen.from; c < seen.to; c += W) {
    const int64_t n = minimum(int64_t{W}, seen.to - c);
    vf s = load(scores + c) * a.scale;
    // Distances s - position run from -(positions - 1) to positions - 1.
    if (a.relative != nullptr) {
      const float* row = a.relative + tile.h * (2 * a.positions - 1) + a.positions - 1 + s0 - position + c;
      s += n == W ? load(row) : loadPart(row, n);
    }
    if (a.bias != nullptr) s += n == W ? load(a.bias + at + c) : loadPart(a.bias + at + c, n);
    if (a.mask != nullptr || a.segments != nullptr) {
      int32_t lanes[W];
      vi visible = splatInt(-1);
      if (a.mask != nullptr) {
        const int32_t* row = a.mask + at + c;
        if (n < W) {
          for (int64_t i = 0; i < W; i++) lanes[i] = i < n ? row[i] : 0;
          row = lanes;
        }
        visible = loadInt(row) != 0;
      }
      if (a.segments != nullptr) {
        const int32_t* row = a.segments + tile.b * a.S + s0 + c;
        const int32_t own = a.segments[tile.b * a.S + position];
        if (n < W) {
          for (int64_t i = 0; i < W; i++) lanes[i] = i < n ? row[i] : -1;
          row = lanes;
        }
        visible &= own < 0 ? vi{} : loadInt(row) == own;
      }
      s = visible != 0 ? s : splat(-kInfinity);
    }
    store(scores + c, s);
  }
}

void packTransposed(float* panels, const float* rows, int64_t stride, int64_t K, int64_t columns) {
  packPanels(panels, rows, stride, K, columns, true);
}

}  // namespace NUWA_ISA
}  // namespace nuwa
