#include <cstring>
#include <cstddef>
#include <vector>

#include "suffix-array.h"

namespace nuwa {

namespace {

// Numbers distinct tokens from 1 in order of appearance, 0 staying 0: any numbering will do, as only equality counts.
// Returns how many numbers there are.
int32_t number(int32_t* tokens, int32_t n) {
  size_t size = 1 << 12;
  std::vector<int32_t> keys(size, 0);
  std::vector<int32_t> numbers(size, 0);
  int32_t next = 1;
  const auto slotOf = [&](const std::vector<int32_t>& table, int32_t token) {
    size_t slot = (static_cast<uint32_t>(token) * 0x9e3779b1u >> 7) & (table.size() - 1);
    while (table[slot] != 0 && table[slot] != token) slot = (slot + 1) & (table.size() - 1);
    return slot;
  };
  for (int32_t i = 0; i < n; i++) {
    if (tokens[i] == 0) continue;
    size_t slot = slotOf(keys, tokens[i]);
    if (keys[slot] == 0) {
      if (2 * static_cast<size_t>(next) > size) {
        std::vector<int32_t> moreKeys(2 * size, 0);
        std::vector<int32_t> moreNumbers(2 * size, 0);
        for (size_t old = 0; old < size; old++) {
          if (keys[old] == 0) continue;
          const size_t to = slotOf(moreKeys, keys[old]);
          moreKeys[to] = keys[old];
          moreNumbers[to] = numbers[old];
        }
        size *= 2;
        keys.swap(moreKeys);
        numbers.swap(moreNumbers);
        slot = slotOf(keys, tokens[i]);
      }
      keys[slot] = tokens[i];
      numbers[slot] = next++;
    }
    tokens[i] = numbers[slot];
  }
  return next;
}

}  // namespace

void firstWindows(int32_t* tokens, int32_t* first, int32_t n, int32_t width) {
  for (int32_t i = 0; i < n; i++) first[i] = i;
  if (width < 1 || n < width) return;
  const int32_t symbols = number(tokens, n);
  std::vector<bool> whole(static_cast<size_t>(n), false);
  for (int32_t i = n - 1, room = 0; i >= 0; i--) {
    room = tokens[i] == 0 ? 0 : room + 1;
    whole[i] = room >= width;
  }
  std::vector<int32_t> sa(static_cast<size_t>(n));
  suffixArray(tokens, sa.data(), n, symbols);
  const size_t bytes = sizeof(int32_t) * static_cast<size_t>(width);
  // Equal windows are neighbours in the array.
  for (int32_t start = 0; start < n;) {
    int32_t end = start + 1;
    if (whole[sa[start]]) {
      int32_t least = sa[start];
      while (end < n && whole[sa[end]] && std::memcmp(tokens + sa[end - 1], tokens + sa[end], bytes) == 0) {
        least = least < sa[end] ? least : sa[end];
        end++;
      }
      for (int32_t k = start; k < end; k++) first[sa[k]] = least;
    }
    start = end;
  }
}

}  // namespace nuwa
