#!/usr/bin/env bash
# LSTM, GRU and a plain recurrent network on the adding problem over 200 steps (Hochreiter and Schmidhuber 1997, section
# 5.4): the gated ones learn it, the plain one does not. Below, the norm of the gradient that reached each layer's input,
# step by step: it is why.
. "$(dirname "${BASH_SOURCE[0]}")/study.bash"
for cell in lstm gru rnn; do run $cell memory/adding_$cell.yaml; done
table
for run in "${finished[@]}"; do echo; echo "$run"; "$dltool" summary "$run"; done
