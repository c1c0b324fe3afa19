#!/usr/bin/env bash
# Plain networks of 20 and 56 layers against residual ones of the same depths on CIFAR-10 (He et al. 2015, figure 6):
# depth harms the plain network, in training too, and helps the residual one. The paper's shortcuts have no weights.
. "$(dirname "${BASH_SOURCE[0]}")/study.bash"
for n in 3 9; do
  run "plain$((6 * n + 2))" cifar/plain20.yaml --set vars.n=$n "${pictures[@]}"
  run "resnet$((6 * n + 2))" cifar/resnet20.yaml --set vars.shortcuts=A --set vars.n=$n "${pictures[@]}"
done
table
