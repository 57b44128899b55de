// Matrices kept for inference: float32, bfloat16, or int8 with a scale for each 32 inputs (the numbers of ggml's Q8_0).
// Rows of the last two are padded with zeros to whole blocks of 32, and int8's scales follow all values.
#pragma once
#include "vector.h"

namespace nuwa {
namespace NUWA_ISA {

// Order of src/tensor/cpu/device.ts.
enum WeightKind { kWeightFloat32 = 0, kWeightBfloat16 = 1, kWeightInt8 = 2 };

constexpr int64_t kBlock = 32;
// Pieces of rows start on cache lines, and a vector of scales may be read past the last one.
constexpr int64_t kScalePadding = 64;

// A (rows, width) matrix in memory made by `allocateMatrix` of src/tensor/cpu/memory.ts.
struct Weight {
  const void* values;
  int kind;
  int64_t rows, width;

  int64_t blocks() const { return divideUp(width, kBlock); }
  int64_t stride() const { return kind == kWeightFloat32 ? width : blocks() * kBlock; }
  const float* floats(int64_t row) const { return static_cast<const float*>(values) + row * stride(); }
  const uint16_t* halves(int64_t row) const { return static_cast<const uint16_t*>(values) + row * stride(); }
  const int8_t* bytes(int64_t row) const { return static_cast<const int8_t*>(values) + row * stride(); }
  // IEEE half precision.
  const uint16_t* scales(int64_t row) const {
    return reinterpret_cast<const uint16_t*>(static_cast<const int8_t*>(values) + roundUp(rows * stride(), 64)) +
           row * blocks();
  }
};

NUWA_INLINE float bitsToFloat(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
NUWA_INLINE uint32_t floatToBits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

NUWA_INLINE float fromBfloat16(uint16_t half) { return bitsToFloat(static_cast<uint32_t>(half) << 16); }

// To nearest, ties to even; NaN stays NaN.
NUWA_INLINE uint16_t toBfloat16(float value) {
  const uint32_t bits = floatToBits(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// A non-negative half: the exponents differ by 112, and a product makes subnormals right as well.
NUWA_INLINE float fromHalf(uint16_t half) { return bitsToFloat(static_cast<uint32_t>(half) << 13) * 0x1p112f; }

// A non-negative float to the nearest half, ties to even; infinity from 65520 on.
NUWA_INLINE uint16_t toHalf(float value) {
  if (!(value < 65520.0f)) return value == value ? 0x7c00 : 0x7e00;
  if (value < 0x1p-14f) {  // subnormal: in units of 2^-24, rounded by the addition
    return static_cast<uint16_t>(floatToBits(value + 0.5f) - floatToBits(0.5f));
  }
  const uint32_t bits = floatToBits(value);
  return static_cast<uint16_t>((bits + 0xfffu + ((bits >> 13) & 1u) - (112u << 23)) >> 13);
}

// Inputs [first, first + n) of a row as float32; `first` is a multiple of 32.
NUWA_INLINE void unpackRow(const Weight& weight, int64_t row, int64_t first, int64_t n, float* out) {
  if (weight.kind == kWeightFloat32) {
    memcpy(out, weight.floats(row) + first, sizeof(float) * static_cast<size_t>(n));
  } else if (weight.kind == kWeightBfloat16) {
    const uint16_t* from = weight.halves(row) + first;
    for (int64_t i = 0; i < n; i++) out[i] = fromBfloat16(from[i]);
  } else {
    const int8_t* from = weight.bytes(row) + first;
    const uint16_t* scales = weight.scales(row) + first / kBlock;
    for (int64_t i = 0; i < n; i += kBlock) {
      const float scale = fromHalf(scales[i / kBlock]);
      for (int64_t j = i; j < minimum(n, i + kBlock); j++) out[j] = scale * static_cast<float>(from[j]);
    }
  }
}

}  // namespace NUWA_ISA
}  // namespace nuwa
