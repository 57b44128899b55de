#!/bin/sh
# Builds the kernels with AddressSanitizer + UndefinedBehaviorSanitizer, then with ThreadSanitizer, and runs
# native/cpu/check over them. The 16-wide kernels are compiled with the instructions of this machine (the
# compiler splits the vectors), so their logic runs here even without AVX-512; the
# dot product of bfloat16 pairs is done in steps.
#   scripts/sanitize.sh [plain|address|thread ...]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
modes=${*:-address thread}

sets="portable:4:"
case $(uname -m) in
  x86_64) sets="portable:4: avx2:8:-mavx2,-mfma avx512:16:-mavx2,-mfma avx512bf16:16:-mavx2,-mfma,-DNUWA_BF16_IN_STEPS:gemm" ;;
  aarch64) sets="portable:4: neon:4:-DNUWA_NEON" ;;
esac

for mode in $modes; do
  case $mode in
    address) flags="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all" ;;
    thread) flags="-O1 -g -fsanitize=thread" ;;
    plain) flags="-O2" ;;
    *) echo "sanitize: unknown mode $mode, expected plain, address or thread" >&2; exit 2 ;;
  esac
  out="$root/build/sanitize-$mode"
  "$root/scripts/build-driver.sh" "$out" "$flags" "" $sets
  echo "== $mode"
  "$out/driver"
done
