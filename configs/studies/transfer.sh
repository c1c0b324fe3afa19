#!/usr/bin/env bash
# What a network that knows the digits 0 to 4 is worth when it is to learn 5 to 9 from 100 pictures of each: only a new head
# trained, the convolutions frozen, all of it trained, and a network that starts from nothing (Yosinski et al. 2014, "How
# transferable are features in deep neural networks?"). All see the same 500 pictures for the same number of steps.
. "$(dirname "${BASH_SOURCE[0]}")/study.bash"
run digits_0_to_4 mnist/lenet.yaml --set 'data.subset={classes: [0, 1, 2, 3, 4]}' --set train.epochs=3
few=(--set 'data.subset={classes: [5, 6, 7, 8, 9], per_class: 100}' --set data.split.valid=0 --set data.batch=50
     --set train.epochs=40)
begin=(--from "$folder/digits_0_to_4" --head fc2)
run head_alone mnist/lenet.yaml "${begin[@]}" --freeze "${few[@]}"
run convs_frozen mnist/lenet.yaml "${begin[@]}" --freeze='conv*' "${few[@]}"
run all_trained mnist/lenet.yaml "${begin[@]}" "${few[@]}"
run from_scratch mnist/lenet.yaml "${few[@]}"
table
