#!/usr/bin/env bash
# MobileNetV2 with ImageNet's weights (scripts/get-data.sh mobilenet_v2 gets them) and a new head, and the same network from nothing,
# on 100 pictures of each class of CIFAR-10, resized to 96.
#
#   FROM=mobilenet_v2.safetensors configs/studies/finetune_mobilenet.sh [--data DIR] ...
. "$(dirname "${BASH_SOURCE[0]}")/study.bash"
: "${FROM:?names the weights: FROM=mobilenet_v2.safetensors}"
normalize='{normalize: {mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}}'
small=("${pictures[@]}" --set 'data.subset.per_class=100' --set data.classes=10 --set data.split.valid=0 --set data.batch=50
       --set "data.transforms={train: [{resize: {size: 96}}, random_flip, $normalize], eval: [{resize: {size: 96}}, $normalize]}"
       --set 'model.input=[3, 96, 96]' --set train.effective_batch=50 --set train.epochs=20)
run new_head imagenet/mobilenet_v2.yaml --from "$FROM" --head classifier.1 --freeze "${small[@]}" --set data.augment_views=2 \
  --set 'optimizer={adamw: {lr: 0.001}}'
run scratch imagenet/mobilenet_v2.yaml "${small[@]}"
table
