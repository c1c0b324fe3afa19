#!/usr/bin/env bash
# Installs what is missing, builds everything and runs the whole suite.
#
#   scripts/test.sh [--asan] [ARGUMENTS OF CTEST]
#
# --asan: the fast tests under AddressSanitizer and UBSan instead. For example `scripts/test.sh -R layers/conv`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=release
if [[ ${1:-} == --asan ]]; then
  preset=asan
  shift
fi
scripts/setup.sh
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset"
exec ctest --preset "$preset" "$@"
