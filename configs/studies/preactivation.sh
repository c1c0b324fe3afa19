#!/usr/bin/env bash
# Residual networks with the activation after the addition (v1) and before the weights (v2) on CIFAR-10, at two depths
# (He et al. 2016, "Identity mappings in deep residual networks", table 3): v2 gains with depth.
. "$(dirname "${BASH_SOURCE[0]}")/study.bash"
for n in 3 9; do
  run "v1_$((6 * n + 2))" cifar/resnet20.yaml --set vars.n=$n "${pictures[@]}"
  run "v2_$((6 * n + 2))" cifar/resnet20_preact.yaml --set vars.n=$n "${pictures[@]}"
done
table
