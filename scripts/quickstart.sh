#!/usr/bin/env bash
# From a fresh clone to a trained network: installs what is missing, builds dltool, and trains a small
# ResNet on the handwritten digits that come with it. Arguments go to `dltool train`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target dltool
exec build/release/dltool train configs/digits/resnet.yaml "$@"
