#!/usr/bin/env bash
# Naive Inception modules against those with 1x1 bottlenecks on Fashion-MNIST (Szegedy et al. 2014, figure 2): the
# bottlenecks cost a fraction of the parameters and of the time, and no accuracy.
. "$(dirname "${BASH_SOURCE[0]}")/study.bash"
run naive fashion_mnist/googlenet_small_naive.yaml
run bottlenecks fashion_mnist/googlenet_small.yaml
table
