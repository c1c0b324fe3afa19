#!/usr/bin/env bash
# The small GoogLeNet with and without its auxiliary classifiers on Fashion-MNIST (Szegedy et al. 2014, section 5). The
# figures of valid and test are those of the main classifier alone.
. "$(dirname "${BASH_SOURCE[0]}")/study.bash"
run with_heads fashion_mnist/googlenet_small.yaml
run without fashion_mnist/googlenet_small_no_heads.yaml
table
