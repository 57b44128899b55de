#include "suffix-array.h"

#include <cstddef>
#include <vector>

namespace nuwa {

namespace {

constexpr int32_t kEmpty = -1;

// Suffix i is of type S when it is less than suffix i + 1, else L. The empty suffix n is the least of all.
class Types {
 public:
  Types(const int32_t* s, int32_t n) : bits_(static_cast<size_t>(n), false) {
    for (int32_t i = n - 2; i >= 0; i--) bits_[i] = s[i] == s[i + 1] ? bits_[i + 1] : s[i] < s[i + 1];
  }
  bool isS(int32_t i) const { return bits_[i]; }
  // Leftmost of a run of type S: these suffixes are sorted first, the others follow from them.
  bool isLms(int32_t i) const { return i > 0 && bits_[i] && !bits_[i - 1]; }

 private:
  std::vector<bool> bits_;
};

class Buckets {
 public:
  Buckets(const int32_t* s, int32_t n, int32_t symbols) : counts_(symbols, 0), at_(symbols, 0) {
    for (int32_t i = 0; i < n; i++) counts_[s[i]]++;
  }
  void toHeads() {
    int32_t sum = 0;
    for (size_t c = 0; c < counts_.size(); c++) {
      at_[c] = sum;
      sum += counts_[c];
    }
  }
  void toTails() {
    int32_t sum = 0;
    for (size_t c = 0; c < counts_.size(); c++) at_[c] = sum += counts_[c];
  }
  int32_t nextHead(int32_t symbol) { return at_[symbol]++; }
  int32_t nextTail(int32_t symbol) { return --at_[symbol]; }

 private:
  std::vector<int32_t> counts_;
  std::vector<int32_t> at_;
};

void clear(int32_t* sa, int32_t from, int32_t to) {
  for (int32_t i = from; i < to; i++) sa[i] = kEmpty;
}

// From LMS suffixes at the ends of their buckets, in the right order: all L suffixes, then all S suffixes.
void induce(const int32_t* s, int32_t* sa, int32_t n, const Types& types, Buckets& buckets) {
  buckets.toHeads();
  // Suffix n - 1 is induced by the empty one.
  sa[buckets.nextHead(s[n - 1])] = n - 1;
  for (int32_t i = 0; i < n; i++) {
    const int32_t before = sa[i] - 1;
    if (before >= 0 && !types.isS(before)) sa[buckets.nextHead(s[before])] = before;
  }
  buckets.toTails();
  for (int32_t i = n - 1; i >= 0; i--) {
    const int32_t before = sa[i] - 1;
    if (before >= 0 && types.isS(before)) sa[buckets.nextTail(s[before])] = before;
  }
}

// Whether two LMS substrings (up to the next LMS position, or the end) are equal.
bool equalSubstrings(const int32_t* s, int32_t n, const Types& types, int32_t a, int32_t b) {
  for (int32_t d = 0;; d++) {
    if (a + d >= n || b + d >= n) return false;
    if (s[a + d] != s[b + d] || types.isS(a + d) != types.isS(b + d)) return false;
    if (d > 0 && (types.isLms(a + d) || types.isLms(b + d))) return types.isLms(a + d) && types.isLms(b + d);
  }
}

}  // namespace

void suffixArray(const int32_t* s, int32_t* sa, int32_t n, int32_t symbols) {
  if (n == 0) return;
  if (n == 1) {
    sa[0] = 0;
    return;
  }
  const Types types(s, n);
  Buckets buckets(s, n, symbols);

  // Sort the LMS substrings: put LMS positions into their buckets in any order and induce.
  clear(sa, 0, n);
  buckets.toTails();
  for (int32_t i = n - 1; i > 0; i--) {
    if (types.isLms(i)) sa[buckets.nextTail(s[i])] = i;
  }
  induce(s, sa, n, types, buckets);

  // Their order, in the front of sa; their names, in the back. LMS positions are two apart at least, so that i / 2 is
  // a place of its own for each.
  int32_t found = 0;
  for (int32_t i = 0; i < n; i++) {
    if (types.isLms(sa[i])) sa[found++] = sa[i];
  }
  clear(sa, found, n);
  int32_t names = 0;
  for (int32_t i = 0; i < found; i++) {
    if (i > 0 && !equalSubstrings(s, n, types, sa[i - 1], sa[i])) names++;
    sa[found + sa[i] / 2] = names;
  }
  if (found > 0) names++;
  for (int32_t i = n - 1, to = n - 1; i >= found; i--) {
    if (sa[i] != kEmpty) sa[to--] = sa[i];
  }

  // The order of the LMS suffixes is the suffix array of the names.
  int32_t* reduced = sa + n - found;
  if (names < found) suffixArray(reduced, sa, found, names);
  else {
    for (int32_t i = 0; i < found; i++) sa[reduced[i]] = i;
  }
  for (int32_t i = 0, to = 0; i < n; i++) {
    if (types.isLms(i)) reduced[to++] = i;
  }
  for (int32_t i = 0; i < found; i++) sa[i] = reduced[sa[i]];
  clear(sa, found, n);
  buckets.toTails();
  for (int32_t i = found - 1; i >= 0; i--) {
    const int32_t position = sa[i];
    sa[i] = kEmpty;
    sa[buckets.nextTail(s[position])] = position;
  }
  induce(s, sa, n, types, buckets);
}

}  // namespace nuwa
