#!/bin/sh
# Compiles the kernels for 64-bit Arm (portable and NEON) and runs native/cpu/check over them: on this machine when it
# is one, else under an emulator. On Debian and Ubuntu: apt-get install g++-aarch64-linux-gnu qemu-user-static
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
out="$root/build/check-arm64"
emulator=""
if [ "$(uname -m)" != aarch64 ]; then
  CXX=${CXX:-aarch64-linux-gnu-g++}
  emulator=${EMULATOR:-qemu-aarch64-static}
  for tool in "$CXX" "$emulator"; do
    command -v "$tool" >/dev/null || {
      echo "check-arm64: $tool is not there; on Debian: apt-get install g++-aarch64-linux-gnu qemu-user-static" >&2
      exit 1
    }
  done
  export CXX
fi
"$root/scripts/build-driver.sh" "$out" "-O3" "-static" portable:4: neon:4:-DNUWA_NEON
echo "== arm64 ${emulator:+under $emulator}"
$emulator "$out/driver"
