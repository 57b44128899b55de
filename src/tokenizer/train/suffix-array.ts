/**
 * The suffix array of `text` (symbols ≥ 0) by prefix doubling with radix sort (Manber and Myers 1990): O(n log n) with
 * five int32 arrays.
 */
export function suffixArray(text: Int32Array): Int32Array<ArrayBuffer> {
  const n = text.length;
  let most = 0;
  for (const symbol of text) most = Math.max(most, symbol);
  const order = new Int32Array(n);
  const byNext = new Int32Array(n);
  let rank = Int32Array.from(text);
  let fresh = new Int32Array(n);
  let classes = most + 1;
  const counts = new Int32Array(Math.max(classes, n) + 1);
  const sortByRank = (): void => {
    counts.fill(0, 0, classes + 1);
    for (let i = 0; i < n; i++) {
      const above = (rank[i] ?? 0) + 1;
      counts[above] = (counts[above] ?? 0) + 1;
    }
    for (let c = 0; c < classes; c++) counts[c + 1] = (counts[c + 1] ?? 0) + (counts[c] ?? 0);
    for (let i = 0; i < n; i++) {
      const suffix = byNext[i] ?? 0;
      const suffixRank = rank[suffix] ?? 0;
      const at = counts[suffixRank] ?? 0;
      order[at] = suffix;
      counts[suffixRank] = at + 1;
    }
  };
  for (let i = 0; i < n; i++) byNext[i] = i;
  sortByRank();
  for (let width = 1; ; width *= 2) {
    // Ranks by the first `width` symbols are known: those by twice as many follow from pairs of them.
    const half = width === 1 ? 0 : width / 2;
    fresh[order[0] ?? 0] = 0;
    let distinct = 1;
    for (let i = 1; i < n; i++) {
      const a = order[i - 1] ?? 0;
      const b = order[i] ?? 0;
      const same =
        rank[a] === rank[b] &&
        (half === 0 || (a + half < n ? rank[a + half] : -1) === (b + half < n ? rank[b + half] : -1));
      if (!same) distinct++;
      fresh[b] = distinct - 1;
    }
    [rank, fresh] = [fresh, rank];
    if (distinct >= n) return order;
    classes = distinct;
    let end = 0;
    for (let i = Math.max(0, n - width); i < n; i++) byNext[end++] = i;
    for (let i = 0; i < n; i++) {
      const suffix = order[i] ?? 0;
      if (suffix >= width) byNext[end++] = suffix - width;
    }
    sortByRank();
  }
}

/** Symbols that each suffix shares with the one before it in the array (Kasai et al. 2001). */
export function sharedPrefixes(text: Int32Array, suffixes: Int32Array): Int32Array<ArrayBuffer> {
  const n = text.length;
  const places = new Int32Array(n);
  for (let i = 0; i < n; i++) places[suffixes[i] ?? 0] = i;
  const shared = new Int32Array(n);
  let length = 0;
  for (let i = 0; i < n; i++) {
    const suffixRank = places[i] ?? 0;
    if (suffixRank === 0) {
      length = 0;
      continue;
    }
    const before = suffixes[suffixRank - 1] ?? 0;
    while (i + length < n && before + length < n && text[i + length] === text[before + length]) length++;
    shared[suffixRank] = length;
    if (length > 0) length--;
  }
  return shared;
}
