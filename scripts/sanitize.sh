#!/bin/sh
# Builds the kernels with AddressSanitizer + UndefinedBehaviorSanitizer, then with ThreadSanitizer, and runs
# native/cpu/check/driver.cc over them. The 16-wide kernels are compiled with the instructions of this machine (the
# compiler splits the vectors), so their logic runs here even without AVX-512.
#   scripts/sanitize.sh [plain|address|thread ...]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cxx=${CXX:-g++}
modes=${*:-address thread}

sets="portable:4:"
if [ "$(uname -m)" = x86_64 ]; then
  sets="portable:4: avx2:8:-mavx2,-mfma avx512:16:-mavx2,-mfma"
fi

for mode in $modes; do
  case $mode in
    address) flags="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all" ;;
    thread) flags="-O1 -g -fsanitize=thread" ;;
    plain) flags="-O2" ;;
    *) echo "sanitize: unknown mode $mode, expected plain, address or thread" >&2; exit 2 ;;
  esac
  out="$root/build/sanitize-$mode"
  mkdir -p "$out"
  common="-std=c++17 $flags -fno-math-errno -fno-trapping-math -ffp-contract=fast -pthread -Wno-psabi"
  {
    for set in $sets; do
      name=${set%%:*}; rest=${set#*:}; width=${rest%%:*}; machine=$(echo "${rest#*:}" | tr , ' ')
      for source in "$root"/native/cpu/kernels/*.cc; do
        echo "$common $machine -DNUWA_ISA=$name -DNUWA_WIDTH=$width -c $source -o $out/$(basename "$source" .cc)-$name.o"
      done
    done
    for source in pool context check/driver; do
      echo "$common -c $root/native/cpu/$source.cc -o $out/$(basename $source).o"
    done
  } | xargs -P "$(getconf _NPROCESSORS_ONLN)" -L 1 "$cxx"
  "$cxx" $flags -pthread "$out"/*.o -o "$out/driver"
  echo "== $mode"
  "$out/driver"
done
