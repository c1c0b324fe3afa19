#!/usr/bin/env bash
# What cached features save: a new head on a frozen ResNet-50 (pictures of 224x224, made up, as only time counts here), with
# the frozen part computed anew each epoch, kept in memory, and kept on disk. All end with the same weights.
. "$(dirname "${BASH_SOURCE[0]}")/study.bash"
: "${epochs:=4}"
made_up=(--set 'data.source={synthetic: {shape: [3, 224, 224], classes: 10, samples: 256}}' --set data.classes=10
         --set 'data.transforms={train: [], eval: []}' --set data.split.valid=0 --set data.batch=32
         --set train.effective_batch=32)
run base imagenet/resnet50.yaml "${made_up[@]}" --set train.max_steps=1
for cache in off ram disk; do
  run "$cache" imagenet/resnet50.yaml --from "$folder/base" --head fc --freeze "${made_up[@]}" \
    --set "train.cache_features=$cache"
done
for cache in ram disk; do
  cmp "$folder/off/checkpoints/last/model.safetensors" "$folder/$cache/checkpoints/last/model.safetensors"
done
echo "the same weights with and without"
for cache in off ram disk; do
  awk -F, -v cache="$cache" 'NR == 1 { for (i = 1; i <= NF; ++i) column[$i] = i }
    $column["split"] == "train" { seconds = $column["seconds"] }
    END { printf "%s: %.3f s in the last epoch\n", cache, seconds }' "$folder/$cache/metrics.csv"
done
