#!/usr/bin/env bash
# Three layers of 100 sigmoids on MNIST with and without batch norm (Ioffe and Szegedy 2015, figure 1a): with it the
# network learns faster and ends higher.
. "$(dirname "${BASH_SOURCE[0]}")/study.bash"
run with_batch_norm mnist/bn_sigmoid.yaml
run without mnist/sigmoid.yaml
table
