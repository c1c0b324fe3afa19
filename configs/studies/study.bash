# What the studies of this folder share; they source it. A study trains some configs, one after the other, and shows
# them side by side. A run that is complete is left alone and one that was stopped goes on, so that a study can be
# stopped and called again.
#
#   STUDY.sh [--epochs N] [--data DIR] [--runs DIR] [--set KEY=VALUE]...
#
# --runs: where the runs go, runs/studies/STUDY unless said, beside configs/ or, in an installed tree, in the current
# folder. DLTOOL names the program; unless set it is build/release/dltool, or the installed tree's, or that on the PATH.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
study=$(basename "$0" .sh)
for dltool in "$root/build/release/dltool" "$root/../../bin/dltool" dltool; do
  ! command -v "$dltool" >/dev/null || break
done
dltool=${DLTOOL:-$dltool}
command -v "$dltool" >/dev/null || { echo "$study: there is no program $dltool; DLTOOL names it" >&2; exit 2; }
home=$root
[[ -f $root/CMakeLists.txt ]] || home=$PWD   # an installed tree, which need not be ours to write to
folder=$home/runs/studies/$study
epochs=
data=()
sets=()
finished=()

usage() { echo "usage: $(basename "$0") [--epochs N] [--data DIR] [--runs DIR] [--set KEY=VALUE]..." >&2; exit 2; }
while (($#)); do
  (($# > 1)) || usage
  case $1 in
    --epochs) epochs=$2 ;;
    --runs) folder=$2 ;;
    --data) data=(--data "$2") ;;
    --set) sets+=(--set "$2") ;;
    *) usage ;;
  esac
  shift 2
done

# CIFAR-10 as pictures (scripts/get-data.sh cifar10_images) in place of the binary files of the configs.
pictures=(--set "data.source={image_folder: {path: '@data/cifar10_images', size: 32}}")

# run NAME CONFIG [ARGUMENTS OF TRAIN...]; with --from among them it is a fine-tuning.
run() {
  local name=$1 config=$root/configs/$2 run=$folder/$1 verb=train
  shift 2
  [[ " $* " != *" --from "* ]] || verb=finetune
  echo "== $study: $name" >&2
  if [[ ! -d $run ]]; then
    mkdir -p "$folder"
    "$dltool" "$verb" "$config" --run "$run" "${data[@]}" "$@" ${epochs:+--set "train.epochs=$epochs"} "${sets[@]}"
  elif ! grep -q '"outcome": "\(completed\|stopped early\|reached max_steps\)"' "$run/exit.json" 2>/dev/null; then
    "$dltool" resume "$run" "${data[@]}"
  fi
  finished+=("$run")
}

# Shows all runs of the study side by side.
table() { "$dltool" compare "${finished[@]}"; }
