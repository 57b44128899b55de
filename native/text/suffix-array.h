#pragma once
#include <cstdint>

namespace nuwa {

// The suffix array of s[0, n), symbols in [0, symbols), by induced sorting (Nong, Zhang, Chan 2009): time O(n), memory
// beside s and sa: one bit a symbol of s, and two counters for each of `symbols`. Throws std::bad_alloc.
void suffixArray(const int32_t* s, int32_t* sa, int32_t n, int32_t symbols);

// For each window of `width` tokens that holds no 0: the least position of an equal window, in first[i]. Windows that
// hold a 0 or end beyond n have first[i] = i, as those have that stand for themselves. `tokens` is overwritten.
// Memory: 4 n bytes beside the two arrays, and tables of 24 bytes for each distinct token.
void firstWindows(int32_t* tokens, int32_t* first, int32_t n, int32_t width);

}  // namespace nuwa
