#!/usr/bin/env bash
# What weights that someone trained are worth, with few pictures and with many: ResNet-20 for CIFAR-10 with the weights that
# FROM names (docs/data.md says whence), as JPEG pictures, with 100 of each class and with all 5,000: a new head on the
# frozen network, all of it trained, and from nothing. Each three see the same number of pictures.
#
#   FROM=resnet20-cifar10.safetensors configs/studies/finetune_cifar.sh [--data DIR] ...
. "$(dirname "${BASH_SOURCE[0]}")/study.bash"
: "${FROM:?names the weights: FROM=resnet20-cifar10.safetensors}"
common=(--set data.split.valid=0 --set 'schedule={cosine: {by: step}}' --set data.batch=50 --set train.effective_batch=50)
for each in 100 5000; do
  few=("${common[@]}" --set "data.subset.per_class=$each" --set "train.epochs=$((each == 100 ? 30 : 3))")
  begin=(--from "$FROM" --head linear)
  run "frozen_$each" cifar/resnet20_option_a.yaml "${begin[@]}" --freeze "${few[@]}" --set data.augment_views=2
  run "full_$each" cifar/resnet20_option_a.yaml "${begin[@]}" "${few[@]}" --set optimizer.sgd.lr=0.01
  run "scratch_$each" cifar/resnet20_option_a.yaml "${few[@]}" --set optimizer.sgd.lr=0.05
done
table
