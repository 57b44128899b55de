#!/bin/sh
# Compiles native/cpu/check with the kernels of some instruction sets into one program, without Node.
#   scripts/build-driver.sh FOLDER "COMPILER FLAGS" "LINK FLAGS" set:width:flags,with,commas[:kernel file] ...
# CXX names the compiler. The program is FOLDER/driver.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cxx=${CXX:-g++}
out=$1 flags=$2 link=$3
shift 3
mkdir -p "$out"
rm -f "$out"/*.o
common="-std=c++17 $flags -fno-math-errno -fno-trapping-math -ffp-contract=fast -pthread -Wno-psabi"
{
  for set in "$@"; do
    name=${set%%:*}; rest=${set#*:}; width=${rest%%:*}; rest=${rest#*:}
    machine=$(echo "${rest%%:*}" | tr , ' '); only=${rest#"${rest%%:*}"}; only=${only#:}
    for source in "$root"/native/cpu/kernels/${only:-*}.cc; do
      echo "$common $machine -DNUWA_ISA=$name -DNUWA_WIDTH=$width -c $source -o $out/$(basename "$source" .cc)-$name.o"
    done
  done
  for source in "$root"/native/cpu/pool.cc "$root"/native/cpu/context.cc "$root"/native/cpu/check/*.cc; do
    # check/pool.cc and pool.cc must not share an object
    echo "$common -c $source -o $out/$(basename "$(dirname "$source")")-$(basename "$source" .cc).o"
  done
} | xargs -P "$(getconf _NPROCESSORS_ONLN)" -L 1 "$cxx"
"$cxx" $flags $link -pthread "$out"/*.o -o "$out/driver"
