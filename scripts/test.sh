#!/usr/bin/env bash
# Installs what is missing, builds everything and runs the whole suite.
#
#   scripts/test.sh [--asan|--ci] [ARGUMENTS OF CTEST]
#
# --asan: the fast tests under AddressSanitizer and UBSan instead.
# --ci: warnings are errors.
# For example `scripts/test.sh -R layers/conv`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=release
if [[ ${1:-} == --asan || ${1:-} == --ci ]]; then
  preset=${1#--}
  shift
fi
scripts/setup.sh
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset"
exec ctest --preset "$preset" "$@"
