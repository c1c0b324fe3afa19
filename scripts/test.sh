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
[[ -f build/$preset/build.ninja ]] || cmake --preset "$preset"
cmake --build --preset "$preset"
exec ctest --preset "$preset" "$@"
